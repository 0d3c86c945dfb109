"""A subscription's page: what it has, and what operators decide about it."""

from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString

from billing import services
from billing.admin.dialogs import row_of
from billing.admin.granting import MoneyActions
from billing.admin.limits import LimitActions
from billing.admin.links import link_to
from billing.admin.planning import PlanActions, next_of, offered
from billing.admin.tables import allowed_by, limits_table, models_table, used
from billing.desk import OnlyReadRows, day, display, who
from billing.models import Override, Period, Subscription
from billing.periods import period_of


class OverridesOfSubscription(OnlyReadRows):
    """Its own limits, with who and why."""

    model = Override
    verbose_name_plural = "Own limits"
    fields = ("limit", "allowed", "reason", "by", "set_at")
    readonly_fields = ("allowed", "by")

    @display(description="Allows")
    def allowed(self, override: Override) -> str:
        """Return what it allows."""
        return allowed_by(override)

    @display(description="Set by")
    def by(self, override: Override) -> str:
        """Return the operator's address: there are four of these rows at most."""
        return who(override.set_by)


class PeriodsOfSubscription(OnlyReadRows):
    """Its months, the newest first."""

    model = Period
    verbose_name_plural = "Periods"
    fields = ("starts_at", "ends_at", "spend", "videos", "seconds")
    readonly_fields = ("spend", "videos", "seconds")
    show_change_link = True
    per_page = 12

    @display(description="Spent + held of limit")
    def spend(self, period: Period) -> str:
        """Return dollars."""
        return used(period, "spend")

    @display(description="Videos")
    def videos(self, period: Period) -> str:
        """Return how many."""
        return used(period, "videos")

    @display(description="Seconds")
    def seconds(self, period: Period) -> str:
        """Return how many."""
        return used(period, "seconds")


@admin.register(Subscription)
class SubscriptionsAdmin(LimitActions, MoneyActions, PlanActions):
    """Who has which plan. Only actions change it: each asks why and is written down."""

    inlines = (OverridesOfSubscription, PeriodsOfSubscription)
    list_display = ("user", "plan", "state", "follows", "anchor")
    list_filter = (
        "plan",
        ("next_plan", admin.EmptyFieldListFilter),
        ("past_due_since", admin.EmptyFieldListFilter),
        ("expires_at", admin.EmptyFieldListFilter),
    )
    list_select_related = ("user", "plan", "next_plan")
    search_fields = ("user__email",)
    search_help_text = "Part of the e-mail address."
    ordering = ("-pk",)
    fieldsets = (
        (None, {"fields": ("who_has_it", "plan_now", "state", "follows", "expires_at", "past_due_since")}),
        ("Limits", {"fields": ("period", "limits", "models")}),
        ("Times", {"fields": ("anchor",)}),
    )
    readonly_fields = ("who_has_it", "plan_now", "state", "follows", "period", "limits", "models")
    actions_detail = (
        {"title": "Limits", "items": ["set_limit", "remove_limit"]},
        {"title": "Money", "items": ["grant_extra", "adjust_spent"]},
        {
            "title": "Plan",
            "items": ["change_plan", "cancel_at_end", "keep_plan", "set_end", "past_due", "paid_again"],
        },
    )

    @display(
        description="State",
        label={"Active": "success", "Past due": "danger", "Ends": "warning", "Ended": "warning", "Changes": "info"},
    )
    def state(self, subscription: Subscription) -> str:
        """Say whether it goes on."""
        if subscription.past_due_since:
            return "Past due"
        if subscription.expires_at:
            month = period_of(subscription.anchor, timezone.now())[0]
            return "Ended" if subscription.expires_at <= month else "Ends"
        return "Changes" if subscription.next_plan_id else "Active"

    @display(description="Follows", ordering="next_plan_at")
    def follows(self, subscription: Subscription) -> str:
        """Return the next plan and when it begins."""
        return next_of(subscription)

    @display(description="User")
    def who_has_it(self, subscription: Subscription) -> SafeString | str:
        """Link to the user."""
        return link_to(subscription.user)

    @display(description="Plan")
    def plan_now(self, subscription: Subscription) -> SafeString | str:
        """Return the plan of the period of now."""
        return link_to(_now(subscription).subscription.plan)

    @display(description="Period")
    def period(self, subscription: Subscription) -> SafeString | str:
        """Link to the open period, or say that there is none."""
        period = _now(subscription)
        months = f"{day(period.starts_at)} to {day(period.ends_at)}"
        if not period.pk:
            return f"{months}, opened by the first video or grant"
        return link_to(period, months)

    @display(description="Limits")
    def limits(self, subscription: Subscription) -> SafeString:
        """Return them side by side."""
        return limits_table(_now(subscription), subscription.overrides.all())

    @display(description="Models")
    def models(self, subscription: Subscription) -> SafeString:
        """Return which models may be used."""
        return models_table(_now(subscription), subscription.overrides.all())

    def get_queryset(self, request: HttpRequest) -> Any:
        """Bring the names along."""
        return super().get_queryset(request).select_related("user", "plan", "next_plan")

    def get_actions_detail(self, request: HttpRequest, object_id: str) -> list[Any]:
        """Offer what would work."""
        try:
            subscription = row_of(Subscription.objects.select_related("plan", "next_plan"), object_id)
        except Http404:
            return []
        works = offered(services.as_it_stands(subscription, timezone.now()))
        actions = super().get_actions_detail(request, object_id)  # type: ignore[misc]  # unfold's
        return [action for action in actions if action.action_name.removeprefix("billing_subscription_") in works]


def _now(subscription: Subscription) -> Period:
    return services.current_period(subscription.user, timezone.now())
