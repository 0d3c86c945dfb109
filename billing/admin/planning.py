"""A subscription's plan and its end, and whether it is paid for."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from billing import services
from billing.admin.dialogs import decision
from billing.admin.steering import MomentField, Steered, SubscriptionForm
from billing.desk import SelectWidget, day, operator, written
from billing.models import Plan, Subscription
from billing.money import LIMITS


class PlanChoice(forms.ModelChoiceField):  # type: ignore[type-arg]  # not generic while it runs
    """A plan with its limits."""

    widget = SelectWidget

    def label_from_instance(self, obj: Any) -> str:
        """Say what it allows."""
        units = {"spend": "", "videos": " videos", "seconds": " seconds"}
        limits = (f"{written(limit, getattr(obj, f'{limit}_limit'))}{units[limit]}" for limit in LIMITS)
        return f"{obj}: {', '.join(limits)}"


class StandingForm(SubscriptionForm):
    """Shows the plan, and what follows it."""

    def facts(self) -> list[tuple[str, str]]:
        """Return what is so."""
        return [("Plan", str(self.row.plan)), ("Period ends", self.until()), *_to_come(self.row)]


class PlanForm(StandingForm):
    """Asks which plan."""

    plan = PlanChoice(queryset=Plan.objects.all(), empty_label="Choose a plan")

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if "plan" in cleaned and cleaned["plan"] == (self.row.next_plan or self.row.plan):
            self.add_error("plan", f"{cleaned['plan']} is what it has, or what follows.")
        elif "plan" in cleaned and cleaned["plan"] == self.row.plan:
            self.add_error("plan", f"It has {self.row.plan}. To take back what follows, use “Keep”.")
        return cleaned


class CancelForm(StandingForm):
    """Looks whether there is something to end."""

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if not can_cancel(self.row):
            self.add_error(None, "It is Free, or will be.")
        return cleaned


class KeepForm(StandingForm):
    """Looks whether there is something to take back."""

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if not _to_come(self.row):
            self.add_error(None, "Nothing is to follow.")
        return cleaned


class EndForm(StandingForm):
    """Asks when it ends."""

    at = MomentField(required=False, label="Ends", help_text="Empty: it has no end.")

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if "at" in cleaned and cleaned["at"] == self.row.expires_at:
            self.add_error("at", "That is so already.")
        elif cleaned.get("at") and self.row.plan.slug == services.FREE:
            self.add_error("at", "Free has no end.")
        return cleaned


class PastDueForm(StandingForm):
    """Looks whether it is past due already."""

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if self.row.past_due_since:
            self.add_error(None, f"It is past due since {day(self.row.past_due_since)}.")
        return cleaned


class PaidForm(StandingForm):
    """Looks whether it is past due at all."""

    def clean(self) -> dict[str, Any]:
        """Refuse what is so already."""
        cleaned = super().clean()
        if not self.row.past_due_since:
            self.add_error(None, "It is not past due.")
        return cleaned


class PlanActions(Steered):
    """Lets operators change the plan and its end."""

    @decision(
        "Change plan",
        icon="swap_horiz",
        says="At once where no limit becomes smaller, however much is used; else when the period of now ends. An end "
        "that was set is taken back.",
        submit="Change it",
        form=PlanForm,
        may="steer",
    )
    def change_plan(self, request: HttpRequest, form: PlanForm, object_id: str) -> HttpResponse:
        """Give another plan."""
        says = form.cleaned_data
        by, reason = operator(request), says["reason"]
        changed = services.change_plan(form.row.user, says["plan"], now=timezone.now(), by=by, reason=reason)
        return self.done(request, changed, _begins(changed), reason=reason)

    @decision(
        "Cancel at period end",
        icon="event_busy",
        says="The plan ends with the period of now; from then on it is Free. Until then it can be kept after all. What "
        "is held goes on.",
        submit="Cancel the plan",
        form=CancelForm,
        may="steer",
    )
    def cancel_at_end(self, request: HttpRequest, form: CancelForm, object_id: str) -> HttpResponse:
        """Let the plan end."""
        changed = services.cancel_subscription(form.row.user, now=timezone.now())
        return self.done(request, changed, _begins(changed), reason=form.cleaned_data["reason"])

    @decision(
        "Keep the plan",
        icon="event_available",
        says="Takes back what was to follow: another plan, leaving, or an end.",
        submit="Keep it",
        form=KeepForm,
        may="steer",
    )
    def keep_plan(self, request: HttpRequest, form: KeepForm, object_id: str) -> HttpResponse:
        """Take back what was to follow."""
        kept = services.keep_subscription(form.row.user, now=timezone.now())
        return self.done(request, kept, f"{kept.plan} goes on.", reason=form.cleaned_data["reason"])

    @decision(
        "Set or remove an end",
        icon="event",
        says="The period that is open then keeps its limits to its end; the ones that start later are those of Free.",
        submit="Save",
        form=EndForm,
        may="steer",
    )
    def set_end(self, request: HttpRequest, form: EndForm, object_id: str) -> HttpResponse:
        """Let the plan end at a moment, or never."""
        at = form.cleaned_data["at"]
        changed = services.set_expiry(form.row.user, at, now=timezone.now())
        said = f"{changed.plan} ends on {day(at)}." if at else f"{changed.plan} has no end."
        return self.done(request, changed, said, reason=form.cleaned_data["reason"])

    @decision(
        "Past due",
        icon="credit_card_off",
        says="No new videos until it is marked as paid here, also on another plan or on Free. What is held goes on.",
        submit="Mark as past due",
        form=PastDueForm,
        may="steer",
    )
    def past_due(self, request: HttpRequest, form: PastDueForm, object_id: str) -> HttpResponse:
        """Refuse new jobs until it is paid."""
        changed = services.set_past_due(form.row.user, now=timezone.now())
        said = "Past due: no new videos until it is paid."
        return self.done(request, changed, said, reason=form.cleaned_data["reason"])

    @decision(
        "Paid again",
        icon="credit_score",
        says="New videos can be made at once. The period is the one that it would have been.",
        submit="It is paid",
        form=PaidForm,
        may="steer",
    )
    def paid_again(self, request: HttpRequest, form: PaidForm, object_id: str) -> HttpResponse:
        """Allow new jobs again."""
        changed = services.reactivate(form.row.user, now=timezone.now())
        return self.done(request, changed, "Paid: new videos can be made.", reason=form.cleaned_data["reason"])


def offered(subscription: Subscription) -> set[str]:
    """Return the names of the actions that would work on a subscription as it stands."""
    works = {"set_limit", "grant_extra", "adjust_spent", "change_plan"}
    works |= {"remove_limit"} if subscription.overrides.exists() else set()
    works |= {"cancel_at_end"} if can_cancel(subscription) else set()
    works |= {"keep_plan"} if _to_come(subscription) else set()
    works |= {"set_end"} if subscription.expires_at or subscription.plan.slug != services.FREE else set()
    return works | ({"paid_again"} if subscription.past_due_since else {"past_due"})


def next_of(subscription: Subscription) -> str:
    """Return the next plan and when it begins, or began: the first video of that period writes it down."""
    if not subscription.next_plan or not subscription.next_plan_at:
        return "–"
    since = "since" if subscription.next_plan_at <= timezone.now() else "on"
    return f"{subscription.next_plan} {since} {day(subscription.next_plan_at)}"


def can_cancel(subscription: Subscription) -> bool:
    """Say whether there is a plan that goes on."""
    return (subscription.next_plan or subscription.plan).slug != services.FREE


def _to_come(subscription: Subscription) -> list[tuple[str, str]]:
    """Return what follows, as names and values."""
    follows = []
    if subscription.next_plan and subscription.next_plan_at:
        follows.append(("Follows", next_of(subscription)))
    if subscription.expires_at:
        follows.append(("Ends", day(subscription.expires_at)))
    return follows


def _begins(subscription: Subscription) -> str:
    if subscription.next_plan and subscription.next_plan_at:
        begins = day(subscription.next_plan_at)
        return f"{subscription.next_plan} begins on {begins}; {subscription.plan} holds until then."
    return f"{subscription.plan} holds from now on."
