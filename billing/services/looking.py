"""What is so: prices, subscriptions, the period of now and its limits. Looking opens nothing."""

from datetime import datetime
from typing import Any

from django.db import connection

from billing.models import Override, Period, Plan, Price, Subscription, User
from billing.money import LIMITS, Amount
from billing.periods import period_of
from billing.rows import columns, read
from billing.services.errors import ModelNotInPlan, NoPrice

FREE = "free"
_FOUND = (Price, Period, Subscription, Plan)
_PRICE_AND_PERIOD = f"""
    SELECT {", ".join(map(columns, _FOUND, ("price", "period", "own", "plan")))}
    FROM billing_subscription own
    JOIN billing_plan plan ON plan.id = own.plan_id
    JOIN billing_period period ON period.subscription_id = own.id AND period.starts_at <= %s AND period.ends_at > %s
    JOIN billing_price price ON price.id = (
        SELECT id FROM billing_price WHERE model = %s AND variant = %s AND starts_at <= %s
        ORDER BY starts_at DESC, id DESC LIMIT 1
    )
    WHERE own.user_id = %s
"""  # noqa: S608 - names of ours


def price_of(model: str, variant: str, now: datetime) -> Price:
    """Return the price row that holds now for a model's full id and variant, or raise NoPrice."""
    price = Price.objects.at(now).filter(model=model, variant=variant).first()
    if price is None:
        raise NoPrice(model, variant)
    return price


def free_plan() -> Plan:
    """Return what everybody has who has nothing else."""
    return Plan.objects.get(slug=FREE)


def subscription_of(user: User, now: datetime) -> Subscription:
    """Return the user's subscription; whoever needs it first opens it, on Free."""
    found = Subscription.objects.select_related("plan", "next_plan").filter(user=user).first()
    if found:
        found.user = user
        return found
    return Subscription.objects.get_or_create(user=user, defaults={"plan": free_plan(), "anchor": now})[0]


def price_and_period(user: User, model: str, variant: str, now: datetime) -> tuple[Price, Period]:
    """Return what `price_of` and `current_period` would, by one query where a hold has opened the period."""
    moment = connection.ops.adapt_datetimefield_value(now)
    with connection.cursor() as cursor:
        cursor.execute(_PRICE_AND_PERIOD, [moment, moment, model, variant, moment, user.pk])
        found = cursor.fetchone()
    if found is None:
        return price_of(model, variant, now), current_period(user, now)
    price, period, subscription, plan = read(_FOUND, found)
    subscription.user, subscription.plan, period.subscription = user, plan, subscription
    return price, _without_what_ended(period, now)


def current_period(user: User, now: datetime) -> Period:
    """Return the period of now, to look at: unsaved, with the limits it would have, where no hold has opened it yet."""
    open_ = Period.objects.filter(subscription__user=user, starts_at__lte=now, ends_at__gt=now)
    if found := open_.select_related("subscription__plan", "subscription__next_plan").first():
        found.subscription.user = user
        return _without_what_ended(found, now)
    subscription = Subscription.objects.select_related("plan", "next_plan").filter(user=user).first()
    if subscription is None:
        subscription = Subscription(plan=free_plan(), anchor=now)
    subscription.user = user
    starts_at, ends_at = period_of(subscription.anchor, now)
    # A first period counts from its anchor, which another clock may still see ahead.
    if subscription.pk and (found := subscription.periods.filter(starts_at=starts_at).first()):
        found.subscription = subscription
        return _without_what_ended(found, now)
    subscription.plan = plan_at(subscription, starts_at)
    return unopened_period(subscription, starts_at, ends_at)


def unopened_period(subscription: Subscription, starts_at: datetime, ends_at: datetime) -> Period:
    """Return a period as it would open now with the subscription's plan, unsaved: nothing is used or granted in it."""
    limits = limits_of(subscription, subscription.plan)
    targets = {f"{limit}_target": limits[f"{limit}_limit"] for limit in LIMITS}
    return Period(subscription=subscription, starts_at=starts_at, ends_at=ends_at, **limits, **targets)


def plan_at(subscription: Subscription, starts_at: datetime) -> Plan:
    """Return the plan with which a period that starts then opens."""
    if subscription.expires_at and subscription.expires_at <= starts_at:
        return free_plan()
    if subscription.next_plan and subscription.next_plan_at and subscription.next_plan_at <= starts_at:
        return subscription.next_plan
    return subscription.plan


def limits_of(subscription: Subscription, plan: Plan) -> dict[str, Any]:
    """Return the limits that a period of this plan has without grants, as fields: the overrides' or else the plan's."""
    limits: dict[str, Any] = {f"{limit}_limit": getattr(plan, f"{limit}_limit") for limit in LIMITS}
    limits["models_allowed"] = plan.models_allowed
    for override in Override.objects.filter(subscription=subscription.pk) if subscription.pk else ():
        if override.limit == Override.Limit.MODELS:
            limits["models_allowed"] = override.models_allowed
        else:
            limits[f"{override.limit}_limit"] = override.value
    return limits


def limits_to_come(period: Period) -> dict[str, Any]:
    """Return the limits that the month after a period opens with as things stand, as fields."""
    return limits_of(period.subscription, plan_at(period.subscription, period.ends_at))


def check_included(model: str, period: Period) -> None:
    """Raise ModelNotInPlan where the period does not include the model of this full id."""
    if period.models_allowed is not None and model not in period.models_allowed:
        raise ModelNotInPlan(model, period.subscription.plan.name)


def violated_limit(period: Period, amount: Amount) -> str | None:
    """Return the first limit that `amount` does not fit in, None when it fits."""
    for limit in LIMITS:
        left = period.left(limit)
        if left is not None and getattr(amount, limit) > left:
            return limit
    return None


def _without_what_ended(period: Period, now: datetime) -> Period:
    """Return a period as the next hold finds it: what was granted until now is gone, whoever has yet to write it."""
    if period.grant_expires_at is None or period.grant_expires_at > now:
        return period
    ends = [(given.expires_at, given.amount) for given in period.grants.filter(expired_at=None) if given.expires_at]
    period.grant_expires_at = min((at for at, _ in ends if at > now), default=None)
    for at, amount in ends:
        if at <= now:
            _take_away(period, amount)
    return period


def _take_away(period: Period, amount: Amount) -> None:
    for limit in LIMITS:
        less = getattr(amount, limit)
        setattr(period, f"{limit}_granted", getattr(period, f"{limit}_granted") - less)
        target = getattr(period, f"{limit}_target")
        if target is not None:
            used = getattr(period, f"{limit}_spent") + getattr(period, f"{limit}_held")
            setattr(period, f"{limit}_target", target - less)
            setattr(period, f"{limit}_limit", max(target - less, used))
