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
from billing.periods import period_of
from billing.services.errors import Actor
from billing.services.looking import free_plan, limits_of, subscription_of
from billing.services.opening import begin_next_plan, locked_subscription, open_period_of


@transaction.atomic
def change_plan(user: User, plan: Plan, *, now: datetime) -> Subscription:
    """Give the user another plan, at once where no limit of the open period becomes smaller, else with the next one."""
    subscription = locked_subscription(subscription_of(user, now))
    period = open_period_of(subscription, now)
    after = _limits_of_plan(subscription, plan)
    if period and _is_smaller(after, period):
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
    if not open_period_of(subscription, now):
        # Nobody has held anything in it yet, and yet it has begun.
        begin_next_plan(subscription, period_of(subscription.anchor, now)[0])
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
    _rewrite(subscription, limit, now)
    return override


@transaction.atomic
def remove_override(user: User, limit: str, *, now: datetime) -> bool:
    """Let the plan's limit hold again. False where there was no other."""
    subscription = locked_subscription(subscription_of(user, now))
    removed, _ = Override.objects.filter(subscription=subscription, limit=limit).delete()
    if removed:
        _rewrite(subscription, limit, now)
    return bool(removed)


def _rewrite(subscription: Subscription, limit: str, now: datetime) -> None:
    """Let the open period follow in this limit alone: the others may be of a plan that was changed since."""
    if period := open_period_of(subscription, now):
        field = _field(limit)
        _set_limits(period, {field: limits_of(subscription, subscription.plan)[field]})


def _field(limit: str) -> str:
    return "models_allowed" if limit == Override.Limit.MODELS else f"{limit}_limit"


def _limits_of_plan(subscription: Subscription, plan: Plan) -> dict[str, Any]:
    """Return what the plan says about: not what an override does, which stays whatever the plan is."""
    overridden = {_field(override.limit) for override in Override.objects.filter(subscription=subscription)}
    limits = limits_of(subscription, plan)
    return {field: value for field, value in limits.items() if field not in overridden}


def _set_limits(period: Period, limits: dict[str, Any]) -> None:
    """Write new limits with what was granted on top, but never below what is spent and held: one UPDATE."""
    fields = dict(limits)
    for limit in LIMITS:
        name = f"{limit}_limit"
        if fields.get(name) is not None:
            used = F(f"{limit}_spent") + F(f"{limit}_held")
            fields[name] = Greatest(Value(fields[name]) + F(f"{limit}_granted"), used)
    if fields:
        Period.objects.filter(pk=period.pk).update(**fields)


def _is_smaller(after: dict[str, Any], period: Period) -> bool:
    """Say whether any limit of the period would become smaller; None is unlimited, and of models a list is smaller."""
    return any(_is_less(after[name], period, limit) for limit in LIMITS if (name := f"{limit}_limit") in after) or (
        "models_allowed" in after and _are_fewer(after["models_allowed"], period.models_allowed)
    )


def _is_less(value: int | None, period: Period, limit: str) -> bool:
    if value is None:
        return False
    before, granted, spent, held = (getattr(period, f"{limit}_{of}") for of in ("limit", "granted", "spent", "held"))
    return before is None or max(value + granted, spent + held) < before


def _are_fewer(after: list[str] | None, before: list[str] | None) -> bool:
    return after is not None and (before is None or not set(before) <= set(after))


def _save(subscription: Subscription, **fields: Any) -> Subscription:
    for name, value in fields.items():
        setattr(subscription, name, value)
    subscription.save(update_fields=list(fields))
    return subscription
