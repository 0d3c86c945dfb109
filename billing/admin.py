"""The operators' pages of people and money. What only code may write is shown and can't be changed here."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing import services
from billing.desk import (
    DollarsField,
    IdsField,
    Kept,
    ModelAdmin,
    ModelForm,
    OnlyReadRows,
    ReadOnly,
    TimeWidget,
    display,
    usd,
)
from billing.models import ApiKey, Hold, LedgerEntry, Period, Plan, Price, Subscription, User
from billing.people import add_user

for _model in (EmailAddress, Authenticator, Group):
    admin.site.unregister(_model)

# --- People -----------------------------------------------------------------------------------------------------------


class EmailsOfUser(OnlyReadRows):
    """The addresses that sign-in knows."""

    model = EmailAddress
    fields = ("email", "primary", "verified")


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold has no types
    """Asks for an address and a password; the user name is drawn."""

    class Meta:
        model = User
        fields = ("email",)


@admin.register(User)
class UsersAdmin(Kept, UserAdmin):  # type: ignore[type-arg]  # not generic while it runs
    """Who makes videos. Closed by taking `active` away, never deleted."""

    form = UserChangeForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    inlines = (EmailsOfUser,)
    list_display = ("email", "plan", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "subscription__plan")
    list_select_related = ("subscription__plan",)
    search_fields = ("email", "first_name", "last_name")
    search_help_text = "Part of the e-mail address or the name."
    ordering = ("-date_joined",)
    readonly_fields = ("email", "plan", "last_login", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "password", "plan", "is_active")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )

    @display(description="Plan", ordering="subscription__plan__order")
    def plan(self, user: User) -> str:
        """Return the plan's name."""
        subscription = getattr(user, "subscription", None)
        return str(subscription.plan) if subscription else "Free, not opened yet"

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Let only superusers give rights, and nobody lock themselves out."""
        if obj is None:
            return ()
        fields = tuple(self.readonly_fields)
        if not request.user.is_superuser:
            fields += ("is_staff", "is_superuser", "groups", "user_permissions")
        elif obj == request.user:
            fields += ("is_staff", "is_superuser")
        return (*fields, "is_active") if obj == request.user else fields

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Keep superusers, and their passwords, out of other operators' reach."""
        may: bool = super().has_change_permission(request, obj)
        return may and (request.user.is_superuser or not (isinstance(obj, User) and obj.is_superuser))

    def save_model(self, request: HttpRequest, obj: User, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's
        """Make a user with their verified address and subscription; or change one, whose keys end with the account.

        What waits for somebody who was deactivated is canceled by the watcher.
        """
        now = timezone.now()
        if not change:
            made, _ = add_user(obj.email, password=form.cleaned_data.get("password1"), plan=None, staff=False, now=now)
            obj.__dict__.update(made.__dict__)
            return
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            obj.api_keys.filter(revoked_at__isnull=True).update(revoked_at=now)


@admin.register(ApiKey)
class ApiKeysAdmin(ReadOnly):
    """Keys, by name and first characters: more of a key is known to its owner only."""

    list_display = ("name", "prefix", "user", "state", "created_at", "last_used_at", "expires_at")
    list_filter = ("revoked_at", "expires_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("prefix", "name", "user__email")
    search_help_text = "The first characters of a key, its name, or part of its owner's address."
    fields = ("user", "name", "prefix", "state", "created_at", "last_used_at", "expires_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)

    @display(description="State", label={"Active": "success", "Revoked": "danger", "Expired": "warning"})
    def state(self, key: ApiKey) -> str:
        """Say whether it opens the door."""
        if key.revoked_at:
            return "Revoked"
        return "Expired" if key.expires_at and key.expires_at <= timezone.now() else "Active"

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """Say who may revoke."""
        may: bool = request.user.has_perm("billing.change_apikey")
        return may

    @admin.action(description="Revoke: programs that use it stop at once", permissions=["revoke"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        """Revoke keys, for good."""
        revoked = list(keys.filter(revoked_at__isnull=True))
        for key in revoked:
            if ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=timezone.now()):
                self.log_change(request, key, "Revoked.")
        self.message_user(request, f"{len(revoked)} revoked. Jobs under way go on.", messages.SUCCESS)


@admin.register(EmailAddress)
class EmailAddressesAdmin(ReadOnly):
    """Addresses that sign-in knows."""

    list_display = ("email", "user", "primary", "verified")
    list_filter = ("primary", "verified")
    list_select_related = ("user",)
    search_fields = ("email", "user__email")


@admin.register(Authenticator)
class AuthenticatorsAdmin(ReadOnly):
    """Who signs in with a second step. Its secret is shown to nobody; deleting it helps who has lost it."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type", "created_at")
    list_select_related = ("user",)
    search_fields = ("user__email",)
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Let superusers take it away, one by one, after they have made sure whom they speak with."""
        return request.user.is_superuser

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Offer nothing for many at once."""
        return {}


@admin.register(Group)
class GroupsAdmin(GroupAdmin, ModelAdmin):
    """What several operators may do."""


# --- Money ------------------------------------------------------------------------------------------------------------


class PlanForm(ModelForm):
    """Takes dollars."""

    monthly_price = DollarsField(initial=0, help_text="Dollars a month, for show: nothing is collected.")
    spend_limit = DollarsField(required=False, help_text="Dollars a period; empty: unlimited, 0: none.")
    models_allowed = IdsField(required=False, help_text="A list of ids; empty: all.")

    class Meta:
        model = Plan
        fields = (
            *("name", "slug", "order", "monthly_price", "spend_limit", "videos_limit", "seconds_limit"),
            *("models_allowed", "jobs_at_a_time"),
        )


@admin.register(Plan)
class PlansAdmin(Kept):
    """What is offered. Limits are taken when a period opens: the open ones of other people's keep theirs."""

    form = PlanForm
    list_display = ("name", "slug", "price", "spend", "videos_limit", "seconds_limit", "jobs_at_a_time", "subscribers")
    search_fields = ("name", "slug")
    ordering = ("order",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        """Count who has each."""
        plans: QuerySet[Plan] = super().get_queryset(request).annotate(subscribers=Count("subscriptions"))
        return plans

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        """Keep the slug, by which commands and new users find a plan."""
        return ("slug",) if obj else ()

    @display(description="A month", ordering="monthly_price")
    def price(self, plan: Plan) -> str:
        """Return dollars."""
        return usd(plan.monthly_price)

    @display(description="Spend limit", ordering="spend_limit")
    def spend(self, plan: Plan) -> str:
        """Return dollars."""
        return usd(plan.spend_limit)

    @display(description="Subscriptions", ordering="subscribers")
    def subscribers(self, plan: Any) -> int:
        """Return how many have it."""
        return int(plan.subscribers)

    def save_model(self, request: HttpRequest, obj: Plan, form: ModelForm, change: bool) -> None:  # noqa: FBT001 - Django's
        """Save it and say from when it holds."""
        super().save_model(request, obj, form, change)
        if change and form.changed_data:
            many = obj.subscriptions.count()
            self.message_user(
                request, f"{many} subscriptions have it. Open periods keep their limits; the next follow."
            )


class PriceForm(ModelForm):
    """Takes dollars a second, from now or later on."""

    micros_per_second = DollarsField(label="Dollars a second", help_text="Six decimals at most.")
    starts_at = forms.SplitDateTimeField(
        label="From", required=False, widget=TimeWidget, help_text="Empty: from now on."
    )

    class Meta:
        model = Price
        fields = ("model", "variant", "micros_per_second", "starts_at")

    def clean_micros_per_second(self) -> int:
        """Refuse a price of nothing."""
        micros: int = self.cleaned_data["micros_per_second"]
        if micros <= 0:
            raise ValidationError("A price is above 0.")
        return micros

    def clean_starts_at(self) -> Any:
        """Refuse to rewrite what people were told."""
        now = timezone.now()
        starts_at = self.cleaned_data["starts_at"] or now
        if starts_at < now:
            raise ValidationError("A price can't begin in the past; leave it empty for now.")
        return starts_at

    def clean(self) -> dict[str, Any] | None:
        """Refuse a model that nobody has heard of: its price would never hold."""
        cleaned = super().clean()
        if cleaned and "model" in cleaned:
            known = set(Price.objects.values_list("model", "variant"))
            if (cleaned["model"], cleaned.get("variant", "")) not in known:
                names = "; ".join(sorted(f"{model} {variant}".strip() for model, variant in known))
                self.add_error("model", f"This is no model with a price. There are: {names}.")
        return cleaned


@admin.register(Price)
class PricesAdmin(ModelAdmin):
    """What a second costs. A new price is a new row; one that has begun stays for ever."""

    form = PriceForm
    list_display = ("model", "variant", "a_second", "starts_at", "state")
    list_filter = ("model", "variant")
    search_fields = ("model", "variant")
    ordering = ("model", "variant", "-starts_at")
    readonly_fields = ()

    @display(description="A second", ordering="micros_per_second")
    def a_second(self, price: Price) -> str:
        """Return dollars."""
        return usd(price.micros_per_second)

    @display(description="State", label={"Begun": "success", "To come": "info"})
    def state(self, price: Price) -> str:
        """Say whether it has begun."""
        return "Begun" if price.starts_at <= timezone.now() else "To come"

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no once it has begun: jobs point at it."""
        may: bool = super().has_change_permission(request, obj)
        return may and not (isinstance(obj, Price) and obj.starts_at <= timezone.now())

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Say no once it has begun, and to many at once."""
        may: bool = super().has_delete_permission(request, obj)
        return may and isinstance(obj, Price) and obj.starts_at > timezone.now()


class SubscriptionForm(ModelForm):
    """Offers plans."""

    class Meta:
        model = Subscription
        fields = ("plan",)


@admin.register(Subscription)
class SubscriptionsAdmin(Kept):
    """Who has which plan."""

    form = SubscriptionForm
    list_display = ("user", "plan", "anchor")
    list_filter = ("plan",)
    list_select_related = ("user", "plan")
    search_fields = ("user__email",)
    ordering = ("-pk",)
    fields = ("user", "plan", "anchor")
    readonly_fields = ("user", "anchor")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Say no: whoever needs one first opens it."""
        return False

    def save_model(
        self,
        request: HttpRequest,
        obj: Subscription,
        form: ModelForm,
        change: bool,  # noqa: FBT001 - Django's
    ) -> None:
        """Give the user another plan, by the service that knows what follows."""
        if "plan" in form.changed_data:
            services.change_plan(obj.user, obj.plan, now=timezone.now())
            said = "A larger plan holds at once; with a smaller one the open period keeps its limits."
            self.message_user(request, said)


@admin.register(Period)
class PeriodsAdmin(ReadOnly):
    """A month of a subscription: its limits, and what is spent and held."""

    list_display = ("user", "plan", "starts_at", "ends_at", "spend", "videos", "seconds")
    list_filter = ("subscription__plan", "starts_at")
    list_select_related = ("subscription__user", "subscription__plan")
    search_fields = ("subscription__user__email",)
    fields = ("subscription", "starts_at", "ends_at", "spend", "videos", "seconds")
    readonly_fields = fields

    @display(description="User", ordering="subscription__user__email")
    def user(self, period: Period) -> str:
        """Return whose it is."""
        return str(period.subscription.user)

    @display(description="Plan now", ordering="subscription__plan__order")
    def plan(self, period: Period) -> str:
        """Return the plan of today."""
        return str(period.subscription.plan)

    @display(description="Spent + held of limit", ordering="spend_spent")
    def spend(self, period: Period) -> str:
        """Return dollars."""
        return f"{usd(period.spend_spent)} + {usd(period.spend_held)} of {usd(period.spend_limit)}"

    @display(description="Videos", ordering="videos_spent")
    def videos(self, period: Period) -> str:
        """Return how many."""
        return _of(period, "videos")

    @display(description="Seconds", ordering="seconds_spent")
    def seconds(self, period: Period) -> str:
        """Return how many."""
        return _of(period, "seconds")


def _of(period: Period, limit: str) -> str:
    spent, held, allowed = (getattr(period, f"{limit}_{what}") for what in ("spent", "held", "limit"))
    return f"{spent} + {held} of {'unlimited' if allowed is None else allowed}"


@admin.register(Hold)
class HoldsAdmin(ReadOnly):
    """What is set aside for a job, and what became of it."""

    list_display = ("reference", "user", "state_chip", "dollars", "videos", "seconds", "created_at", "resolved_at")
    list_filter = ("state", "created_at")
    list_select_related = ("period__subscription__user", "price")
    search_fields = ("reference", "period__subscription__user__email")
    search_help_text = "The id of a job, or part of its owner's address."
    ordering = ("-pk",)
    fields = ("reference", "user", "state_chip", "dollars", "videos", "seconds", "price", "created_at", "resolved_at")
    readonly_fields = fields

    @display(description="User")
    def user(self, hold: Hold) -> str:
        """Return whose it is."""
        return str(hold.period.subscription.user)

    @display(description="State", ordering="state", label={"held": "warning", "settled": "success", "released": "info"})
    def state_chip(self, hold: Hold) -> str:
        """Return where the money is."""
        return hold.state

    @display(description="Amount", ordering="spend")
    def dollars(self, hold: Hold) -> str:
        """Return dollars."""
        return usd(hold.spend)


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnly):
    """Every line there is; none is ever changed."""

    list_display = ("at", "kind", "user", "dollars", "videos", "seconds", "reference", "actor", "request_id")
    list_filter = ("kind", "at")
    list_select_related = ("period__subscription__user", "price")
    search_fields = ("reference", "request_id", "actor", "period__subscription__user__email")
    search_help_text = "The id of a job or request, an actor such as “user 7”, or part of an address."
    fields = ("at", "kind", "user", "dollars", "videos", "seconds", "reference", "actor", "request_id", "price")
    readonly_fields = fields
    ordering = ("-pk",)

    @display(description="User")
    def user(self, entry: LedgerEntry) -> str:
        """Return whose it is."""
        return str(entry.period.subscription.user)

    @display(description="Amount", ordering="spend")
    def dollars(self, entry: LedgerEntry) -> str:
        """Return dollars."""
        return usd(entry.spend)
