"""What is offered, and what it costs."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from billing.desk import DollarsField, IdsField, Kept, ModelAdmin, ModelForm, TimeWidget, display, usd
from billing.models import Plan, Price


class PlanForm(ModelForm):
    """Takes dollars."""

    monthly_price = DollarsField(initial=0, help_text="Dollars a month, for show: nothing is collected.")
    spend_limit = DollarsField(required=False, help_text="Dollars a period; empty: unlimited, 0: none.")
    models_allowed = IdsField(required=False, help_text="A list of ids; empty: all.")

    class Meta:
        model = Plan
        fields = (
            *("name", "slug", "order", "monthly_price", "spend_limit", "videos_limit", "seconds_limit"),
            *("models_allowed", "jobs_at_a_time", "priority"),
        )


@admin.register(Plan)
class PlansAdmin(Kept):
    """What is offered. Limits are taken when a period opens: the open ones of other people's keep theirs."""

    form = PlanForm
    list_display = (
        *("name", "slug", "price", "spend", "videos_limit", "seconds_limit", "jobs_at_a_time", "priority"),
        "subscribers",
    )
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
