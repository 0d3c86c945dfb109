"""Which plan a subscription has, and other limits that an operator sets: when each begins to hold.

- A change of plan holds at once where no limit becomes smaller, else with the next period; so does leaving.
- An override holds at once; where less is allowed than is spent and held, the period stops there.
- What has expired keeps its open period; the ones that start later are Free's.
- Past due means no new holds. What is held goes on, and paying ends it.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest

from billing.models import Override, Period, Plan, Subscription, User
from billing.money import LIMITS
from billing.services.errors import Actor
from billing.services.looking import free_plan, limits_of, subscription_of
from billing.services.opening import locked_subscription, open_period_of


@transaction.atomic
def change_plan(user: User, plan: Plan, *, now: datetime) -> Subscription:
    """Give the user another plan, at once where no limit of the open period becomes smaller, else with the next one."""
    subscription = locked_subscription(subscription_of(user, now))
    period = open_period_of(subscription, now)
    before, after = (limits_of(subscription, each) for each in (subscription.plan, plan))
    if period and _is_smaller(after, before):
        return _save(subscription, next_plan=plan, next_plan_at=period.ends_at, expires_at=None)
    if period:
        _set_limits(period, after)
    return _save(subscription, plan=plan, next_plan=None, next_plan_at=None, expires_at=None)


@transaction.atomic
def cancel_subscription(user: User, *, now: datetime) -> Subscription:
    """Let the user's plan end with the open period; from then on it is Free."""
    return change_plan(user, free_plan(), now=now)


@transaction.atomic
def keep_subscription(user: User, *, now: datetime) -> Subscription:
    """Take back what was to follow, as long as it has not begun: a smaller plan, leaving, or an end."""
    subscription = locked_subscription(subscription_of(user, now))
    return _save(subscription, next_plan=None, next_plan_at=None, expires_at=None)


@transaction.atomic
def set_expiry(user: User, at: datetime | None, *, now: datetime) -> Subscription:
    """Let the plan end at a moment, or never. The period that is open then keeps its limits to its end."""
    return _save(locked_subscription(subscription_of(user, now)), expires_at=at)


@transaction.atomic
def set_past_due(user: User, *, now: datetime) -> Subscription:
    """Refuse new holds until the user has paid; what is held goes on. Said twice, the first moment stays."""
    subscription = locked_subscription(subscription_of(user, now))
    return _save(subscription, past_due_since=subscription.past_due_since or now)


@transaction.atomic
def reactivate(user: User, *, now: datetime) -> Subscription:
    """Allow new holds again. The period is the one that it would have been: being late buys no fresh one."""
    return _save(locked_subscription(subscription_of(user, now)), past_due_since=None)


@transaction.atomic
def set_override(user: User, limit: str, value: Any, *, reason: str, now: datetime, by: Actor) -> Override:
    """Set another limit than the plan's: micro-dollars, videos or seconds, or the list of models; None is unlimited.

    ValueError for a limit that there is not, or a value below 0.
    """
    if limit not in Override.Limit.values:
        raise ValueError(f"{limit!r} is no limit; allowed: {', '.join(Override.Limit.values)}.")
    if limit != Override.Limit.MODELS and value is not None and value < 0:
        raise ValueError(f"{value} is below 0; allowed: 0 or more, or none for unlimited.")
    subscription = locked_subscription(subscription_of(user, now))
    of_kind = {"models_allowed": value} if limit == Override.Limit.MODELS else {"value": value}
    override, _ = Override.objects.update_or_create(
        subscription=subscription,
        limit=limit,
        defaults={**of_kind, "reason": reason, "set_by": by.name, "set_at": now},
    )
    _rewrite(subscription, now)
    return override


@transaction.atomic
def remove_override(user: User, limit: str, *, now: datetime) -> bool:
    """Let the plan's limit hold again. False where there was no other."""
    subscription = locked_subscription(subscription_of(user, now))
    removed, _ = Override.objects.filter(subscription=subscription, limit=limit).delete()
    if removed:
        _rewrite(subscription, now)
    return bool(removed)


def _rewrite(subscription: Subscription, now: datetime) -> None:
    if period := open_period_of(subscription, now):
        _set_limits(period, limits_of(subscription, subscription.plan))


def _set_limits(period: Period, limits: dict[str, Any]) -> None:
    """Write new limits with what was granted on top, but never below what is spent and held: one UPDATE."""
    fields: dict[str, Any] = {"models_allowed": limits["models_allowed"]}
    for limit in LIMITS:
        name, value = f"{limit}_limit", limits[f"{limit}_limit"]
        used = F(f"{limit}_spent") + F(f"{limit}_held")
        fields[name] = None if value is None else Greatest(Value(value) + F(f"{limit}_granted"), used)
    Period.objects.filter(pk=period.pk).update(**fields)


def _is_smaller(after: dict[str, Any], before: dict[str, Any]) -> bool:
    """Say whether any limit becomes smaller: None is unlimited, and of models a list is smaller than all of them."""
    numbers = any(
        after[f"{limit}_limit"] is not None
        and (before[f"{limit}_limit"] is None or after[f"{limit}_limit"] < before[f"{limit}_limit"])
        for limit in LIMITS
    )
    models_after, models_before = after["models_allowed"], before["models_allowed"]
    fewer = models_after is not None and (models_before is None or not set(models_before) <= set(models_after))
    return numbers or fewer


def _save(subscription: Subscription, **fields: Any) -> Subscription:
    for name, value in fields.items():
        setattr(subscription, name, value)
    subscription.save(update_fields=list(fields))
    return subscription
