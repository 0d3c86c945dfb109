"""Users, and how they sign in."""

from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from billing import services
from billing.admin.dialogs import DecisionForm, decision, row_of
from billing.admin.links import link, link_to
from billing.desk import Kept, ModelAdmin, ModelForm, OnlyReadRows, ReadOnly, back, day, display
from billing.models import Subscription, User
from billing.people import add_user

for _model in (EmailAddress, Authenticator, Group):
    admin.site.unregister(_model)


class EmailsOfUser(OnlyReadRows):
    """The addresses that sign-in knows."""

    model = EmailAddress
    fields = ("email", "primary", "verified")


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold has no types
    """Asks for an address and a password; the user name is drawn."""

    class Meta:
        model = User
        fields = ("email",)


class UserDecisionForm(DecisionForm):
    """Decides about a user, who is its row."""

    rows = User.objects.all()

    def facts(self) -> list[tuple[str, str]]:
        """Return who it is, and when somebody looked before."""
        reviewed_at = self.row.reviewed_at
        return [("User", str(self.row)), ("Reviewed", day(reviewed_at) if reviewed_at else "never")]


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
    readonly_fields = ("email", "subscription_page", "keys_page", "reviewed_at", "last_login", "date_joined")
    filter_horizontal = ("groups", "user_permissions")
    actions_detail = ("review", "open_subscription")
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    fieldsets = (
        (None, {"fields": ("email", "password", "subscription_page", "keys_page", "is_active", "reviewed_at")}),
        ("Name", {"fields": ("first_name", "last_name")}),
        ("Rights", {"fields": ("is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Times", {"fields": ("last_login", "date_joined")}),
    )

    @display(description="Plan", ordering="subscription__plan__order")
    def plan(self, user: User) -> str:
        """Return the plan's name."""
        subscription = getattr(user, "subscription", None)
        return str(subscription.plan) if subscription else "Free, not opened yet"

    @display(description="Plan, limits and extra")
    def subscription_page(self, user: User) -> SafeString | str:
        """Link to the page where they are decided."""
        subscription = Subscription.objects.select_related("user", "plan").filter(user=user).first()
        return link_to(subscription) if subscription else "Free, not opened yet"

    @display(description="API keys")
    def keys_page(self, user: User) -> SafeString:
        """Link to the user's keys."""
        many = user.api_keys.count()
        address = f"{reverse('admin:billing_apikey_changelist')}?user__id__exact={user.pk}"
        return link(address, f"{many} {'key' if many == 1 else 'keys'}")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what would work."""
        try:
            opened = hasattr(row_of(User.objects.select_related("subscription"), object_id), "subscription")
        except Http404:
            return []
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [action for action in actions if not (opened and action.action_name.endswith("open_subscription"))]

    def has_review_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may let a user go on."""
        may: bool = request.user.has_perm("billing.change_user")
        return may

    def has_open_permission(self, request: HttpRequest, object_id: str | None = None) -> bool:
        """Say who may open a subscription."""
        may: bool = request.user.has_perm("billing.change_subscription")
        return may

    @decision(
        "Reviewed: let this user go on",
        icon="how_to_reg",
        says="Somebody has looked at what was moderated. It is counted anew from now on.",
        submit="Let this user go on",
        form=UserDecisionForm,
        may="review",
    )
    def review(self, request: HttpRequest, form: UserDecisionForm, object_id: str) -> HttpResponse:
        """Note that an operator has looked."""
        User.objects.filter(pk=form.row.pk).update(reviewed_at=timezone.now())
        self.log_change(request, form.row, f"Reviewed. Reason: {form.cleaned_data['reason']}")
        self.message_user(request, f"{form.row} may go on.", messages.SUCCESS)
        return back(request, reverse("admin:billing_user_change", args=[form.row.pk]))

    @decision(
        "Open the subscription",
        icon="card_membership",
        says="On Free, as the first video would. Its months are counted from now. Then limits and extra can be set.",
        submit="Open it",
        form=UserDecisionForm,
        may="open",
    )
    def open_subscription(self, request: HttpRequest, form: UserDecisionForm, object_id: str) -> HttpResponse:
        """Open the subscription of somebody who has made nothing yet."""
        subscription = services.subscription_of(form.row, timezone.now())
        self.log_change(request, form.row, f"Subscription opened. Reason: {form.cleaned_data['reason']}")
        return back(request, reverse("admin:billing_subscription_change", args=[subscription.pk]))

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
