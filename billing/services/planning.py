"""Which plan a subscription has, and other limits that an operator sets: when each begins to hold.

- A change of plan holds at once where no limit of the month becomes smaller before grants, else with the next period.
  How much is used, and whether a hold has opened the month, makes no difference. A first plan is had at once.
- Leaving always waits for the month's end, and so can be taken back until then.
- An override holds at once, whatever was granted before or after; where less is allowed than is spent and held, the
  period stops there, and sinks to it as holds are released or spent money comes back. Set again, it changes nothing.
- What has expired keeps the month in which it did; the ones that start later are Free's.
- Past due means no new holds. What is held goes on, and only an operator who marks it as paid ends it. It stays when
  the plan is changed, canceled or expires: nobody leaves a debt by leaving.
- A month that somebody has opened has begun, also for whoever's clock is behind: what is decided counts from there on.
"""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Max, Value
from django.db.models.functions import Greatest

from billing.models import Override, Period, Plan, Subscription, User
from billing.money import LIMITS
from billing.services.checking import check_limit, check_reason
from billing.services.errors import Actor, InvalidValue
from billing.services.looking import free_plan, limits_of, subscription_of
from billing.services.noticing import note_thresholds
from billing.services.opening import begun_period, locked_subscription, open_period_of
from billing.services.writing import write_limits


@transaction.atomic
def change_plan(user: User, plan: Plan, *, now: datetime, by: Actor, reason: str = "") -> Subscription:
    """Give the user another plan, at once where no limit of the month becomes smaller, else with the next period."""
    _, is_first = Subscription.objects.get_or_create(user=user, defaults={"plan": plan, "anchor": now})
    subscription, now = _locked(user, now)
    if is_first:
        return subscription
    period = begun_period(subscription, now)
    after = _limits_of_plan(subscription, plan)
    if _is_smaller(after, period):
        return _save(subscription, next_plan=plan, next_plan_at=period.ends_at, expires_at=None)
    if period.pk:
        _set_limits(period, after, now=now, reason=_because(f"Changed to {plan}", reason), by=by)
    return _save(subscription, plan=plan, next_plan=None, next_plan_at=None, expires_at=None)


@transaction.atomic
def cancel_subscription(user: User, *, now: datetime) -> Subscription:
    """Let the user's plan end with the month of now, opened or not; from then on it is Free. What is due stays due."""
    subscription, now = _locked(user, now)
    period, free = begun_period(subscription, now), free_plan()
    if subscription.plan_id == free.pk:
        return _save(subscription, next_plan=None, next_plan_at=None, expires_at=None)
    return _save(subscription, next_plan=free, next_plan_at=period.ends_at, expires_at=None)


@transaction.atomic
def keep_subscription(user: User, *, now: datetime) -> Subscription:
    """Take back what was to follow, as long as it has not begun: a smaller plan, leaving, or an end."""
    subscription, now = _locked(user, now)
    begun_period(subscription, now)  # nobody may have held anything in it yet, and yet it has begun
    return _save(subscription, next_plan=None, next_plan_at=None, expires_at=None)


@transaction.atomic
def set_expiry(user: User, at: datetime | None, *, now: datetime) -> Subscription:
    """Let the plan end at a moment, or never. The period that is open then keeps its limits to its end.

    What has ended can't be taken back by another end. Raises InvalidValue for an end of Free.
    """
    subscription, now = _locked(user, now)
    begun_period(subscription, now)  # nobody may have held anything in it yet, and yet it has begun
    if at and subscription.plan_id == free_plan().pk:
        raise InvalidValue("expires_at", at, "none: Free has no end")
    return _save(subscription, expires_at=at)


@transaction.atomic
def set_past_due(user: User, *, now: datetime) -> Subscription:
    """Refuse new holds until an operator says that it is paid, whatever becomes of the plan; what is held goes on.

    Said twice, the first moment stays.
    """
    subscription = locked_subscription(subscription_of(user, now))
    return _save(subscription, past_due_since=subscription.past_due_since or now)


@transaction.atomic
def reactivate(user: User, *, now: datetime) -> Subscription:
    """Allow new holds again. The period is the one that it would have been: being late buys no fresh one."""
    return _save(locked_subscription(subscription_of(user, now)), past_due_since=None)


@transaction.atomic
def set_override(user: User, limit: str, value: Any, *, reason: str, now: datetime, by: Actor) -> Override:
    """Set another limit than the plan's: micro-dollars, videos or seconds, or the list of models; None is unlimited.

    The same limit set again changes nothing, not even who set it and why. InvalidValue for a limit that there is not, a
    value below 0 or above what anything may be about, or no reason.
    """
    check_limit(limit, value)
    check_reason(reason)
    subscription, now = _locked(user, now)
    kind = "models_allowed" if limit == Override.Limit.MODELS else "value"
    own = Override.objects.filter(subscription=subscription, limit=limit).first()
    if own and getattr(own, kind) == value:
        return own
    override, _ = Override.objects.update_or_create(
        subscription=subscription,
        limit=limit,
        defaults={kind: value, "reason": reason, "set_by": by.name, "set_at": now},
    )
    _rewrite(subscription, limit, now=now, reason=f"Own limit of {limit}: {reason}", by=by)
    return override


@transaction.atomic
def remove_override(user: User, limit: str, *, now: datetime, by: Actor, reason: str = "") -> bool:
    """Let the plan's limit hold again. False where there was no other."""
    subscription, now = _locked(user, now)
    removed, _ = Override.objects.filter(subscription=subscription, limit=limit).delete()
    if removed:
        _rewrite(subscription, limit, now=now, reason=_because(f"The plan's limit of {limit} again", reason), by=by)
    return bool(removed)


def _locked(user: User, now: datetime) -> tuple[Subscription, datetime]:
    """Return the user's subscription, locked, and the moment to decide by: now, or where the last open month began.

    Whose clock is behind by a moment must not decide about a month that is over while the next one is used already.
    """
    subscription = locked_subscription(subscription_of(user, now))
    begun = subscription.periods.aggregate(last=Max("starts_at"))["last"]
    return subscription, max(now, begun or now)


def _because(said: str, reason: str) -> str:
    return f"{said}: {reason}" if reason else f"{said}."


def _rewrite(subscription: Subscription, limit: str, *, now: datetime, reason: str, by: Actor) -> None:
    """Let the open period follow in this limit alone: the others may be of a plan that was changed since."""
    if period := open_period_of(subscription, now):
        field = _field(limit)
        limits = {field: limits_of(subscription, subscription.plan)[field]}
        _set_limits(period, limits, now=now, reason=reason, by=by)


def _field(limit: str) -> str:
    return "models_allowed" if limit == Override.Limit.MODELS else f"{limit}_limit"


def _limits_of_plan(subscription: Subscription, plan: Plan) -> dict[str, Any]:
    """Return what the plan says about: not what an override does, which stays whatever the plan is."""
    overridden = {_field(override.limit) for override in Override.objects.filter(subscription=subscription)}
    limits = limits_of(subscription, plan)
    return {field: value for field, value in limits.items() if field not in overridden}


def _set_limits(period: Period, limits: dict[str, Any], *, now: datetime, reason: str, by: Actor) -> None:
    """Write new limits with the grants in force on top, but never below what is spent and held: one UPDATE."""
    fields = dict(limits)
    for limit in LIMITS:
        name = f"{limit}_limit"
        if name not in limits:
            continue
        fields[f"{limit}_target"] = fields[name]
        if fields[name] is not None:
            fields[f"{limit}_target"] = target = Value(fields[name]) + F(f"{limit}_granted")
            fields[name] = Greatest(target, F(f"{limit}_spent") + F(f"{limit}_held"))
    if not fields:
        return
    Period.objects.filter(pk=period.pk).update(**fields)
    period.refresh_from_db()
    write_limits(period, now=now, reason=reason, by=by)
    note_thresholds(period, now)


def _is_smaller(after: dict[str, Any], period: Period) -> bool:
    """Say whether any limit of the period would become smaller; None is unlimited, and of models a list is smaller."""
    return any(
        _is_less(after[name], period.base(limit)) for limit in LIMITS if (name := f"{limit}_limit") in after
    ) or ("models_allowed" in after and _are_fewer(after["models_allowed"], period.models_allowed))


def _is_less(after: int | None, before: int | None) -> bool:
    return after is not None and (before is None or after < before)


def _are_fewer(after: list[str] | None, before: list[str] | None) -> bool:
    return after is not None and (before is None or not set(before) <= set(after))


def _save(subscription: Subscription, **fields: Any) -> Subscription:
    for name, value in fields.items():
        setattr(subscription, name, value)
    subscription.save(update_fields=list(fields))
    return subscription
