"""Opening a period: done by the first hold in it, or by whoever grants something."""

from datetime import datetime

from billing.models import Period, Subscription
from billing.periods import period_of
from billing.services.errors import Actor
from billing.services.looking import plan_at, subscription_of, unopened_period
from billing.services.writing import write_limits


def locked_subscription(subscription: Subscription) -> Subscription:
    """Return the subscription, locked until the transaction ends. It comes before its period in the order of locks.

    Whoever changes its plan or overrides waits for whoever opens a period, or was waited for: a period opens with the
    limits of before or after, and what comes second finds it.
    """
    # Without its plan: what is joined is not read again after the wait, and a plan that changed would be no row at all.
    return Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk)


def opened_period(subscription: Subscription, now: datetime, by: Actor) -> Period:
    """Return the period of now; the first to need it opens it with the limits of then. Wants a transaction."""
    if found := open_period_of(subscription, now):
        found.subscription = subscription
        return found
    # Two at once: who waited for the lock finds it; the unique constraint stands behind.
    subscription = locked_subscription(subscription)
    period = begun_period(subscription, now)
    if not period.pk:
        period.save(force_insert=True)
        write_limits(period, now=now, reason=f"Opened on {subscription.plan}.", by=by)
    period.subscription = subscription
    return period


def begun_period(subscription: Subscription, now: datetime) -> Period:
    """Return the period of now, unsaved where nobody has opened it; the plan that was to begin with it has begun.

    Wants the locked subscription.
    """
    if found := open_period_of(subscription, now):
        return found
    starts_at, ends_at = period_of(subscription.anchor, now)
    begin_next_plan(subscription, starts_at)
    return unopened_period(subscription, starts_at, ends_at)


def open_period_of(user_subscription: Subscription, now: datetime) -> Period | None:
    """Return the period of now if a hold or a grant has opened it."""
    starts_at, _ = period_of(user_subscription.anchor, now)
    return Period.objects.filter(subscription=user_subscription, starts_at=starts_at).first()


def as_it_stands(subscription: Subscription, now: datetime) -> Subscription:
    """Return the subscription as it stands in the month of now, to look at.

    What was to begin with the month has begun and what was to end has ended, though nobody has held anything in it yet.
    The instance is changed and not saved.
    """
    if not open_period_of(subscription, now):
        _begin(subscription, period_of(subscription.anchor, now)[0])
    return subscription


def begin_next_plan(subscription: Subscription, starts_at: datetime) -> None:
    """Let the plan that was to follow begin; nothing is left of what has expired."""
    if begun := _begin(subscription, starts_at):
        subscription.save(update_fields=begun)


def _begin(subscription: Subscription, starts_at: datetime) -> list[str]:
    """Set what is so in a month that starts then, and return the fields that changed."""
    begun = []
    if (plan := plan_at(subscription, starts_at)).pk != subscription.plan_id:
        subscription.plan = plan
        begun += ["plan"]
    if subscription.next_plan_at and subscription.next_plan_at <= starts_at:
        subscription.next_plan, subscription.next_plan_at = None, None
        begun += ["next_plan", "next_plan_at"]
    if subscription.expires_at and subscription.expires_at <= starts_at:
        subscription.expires_at = None
        begun += ["expires_at"]
    return begun


__all__ = ["as_it_stands", "begun_period", "locked_subscription", "open_period_of", "opened_period", "subscription_of"]
