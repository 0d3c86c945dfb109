"""Everything that moves money: price, hold, settle, release, and what is left.

A hold is one conditional UPDATE on the period's own columns; the count of rows says whether it fitted. All functions
that write want to run inside the caller's transaction or open their own; none does anything that can't be rolled back.
"""

from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q

from billing.models import ApiKey, Hold, LedgerEntry, Period, Plan, Price, Subscription, User
from billing.money import LIMITS, Amount
from billing.periods import period_of

FREE = "free"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does it, for the ledger and a job's history: "user 7", "watcher"; and in which request."""

    name: str
    request_id: str = ""


class NoPrice(Exception):
    """There is no price for this model, so no job can be made of it."""

    code = "no_price"

    def __init__(self, model: str, variant: str) -> None:
        super().__init__(f"There is no price for {f'{model} {variant}'.strip()}.")


class ModelNotInPlan(Exception):
    """The subscription's plan does not include this model."""

    code = "model_not_in_plan"

    def __init__(self, model: str, plan: Plan) -> None:
        super().__init__(f"{model} is not part of the plan {plan.name}.")


class InsufficientQuota(Exception):
    """A limit of the period would be exceeded; nothing was written.

    Units of required and available: micro-dollars for "spend", else videos or seconds.
    """

    code = "insufficient_quota"

    def __init__(self, *, violated: str, required: int, available: int, resets_at: datetime) -> None:
        super().__init__(f"{violated}: {required} needed, {available} left")
        self.violated = violated
        self.required = required
        self.available = available
        self.resets_at = resets_at


# --- What is so -------------------------------------------------------------------------------------------------------


def price_of(model: str, variant: str, now: datetime) -> Price:
    """Return the price row that holds now for a model's full id and variant, or raise NoPrice."""
    price = Price.objects.at(now).filter(model=model, variant=variant).first()
    if price is None:
        raise NoPrice(model, variant)
    return price


def subscription_of(user: User, now: datetime) -> Subscription:
    """Return the user's subscription; whoever needs it first opens it, on Free."""
    found = Subscription.objects.select_related("plan").filter(user=user).first()
    if found:
        return found
    free = Plan.objects.get(slug=FREE)
    return Subscription.objects.get_or_create(user=user, defaults={"plan": free, "anchor": now})[0]


def current_period(user: User, now: datetime) -> Period:
    """Return the period of now, to look at: unsaved with the plan's limits where no hold has opened it yet."""
    subscription = Subscription.objects.select_related("plan").filter(user=user).first()
    if subscription is None:
        subscription = Subscription(user=user, plan=Plan.objects.get(slug=FREE), anchor=now)
    starts_at, ends_at = period_of(subscription.anchor, now)
    found = subscription.pk and Period.objects.filter(subscription=subscription, starts_at=starts_at).first()
    if found:
        found.subscription = subscription
        return found
    return Period(subscription=subscription, starts_at=starts_at, ends_at=ends_at, **_limits(subscription.plan))


def check_included(model: str, plan: Plan) -> None:
    """Raise ModelNotInPlan where the plan does not include the model of this full id."""
    if plan.models_allowed is not None and model not in plan.models_allowed:
        raise ModelNotInPlan(model, plan)


def violated_limit(period: Period, amount: Amount) -> str | None:
    """Return the first limit that `amount` does not fit in, None when it fits."""
    for limit in LIMITS:
        left = period.left(limit)
        if left is not None and getattr(amount, limit) > left:
            return limit
    return None


# --- What moves money -------------------------------------------------------------------------------------------------


@transaction.atomic
def hold(*, user: User, reference: UUID, price: Price, amount: Amount, now: datetime, by: Actor) -> Hold:
    """Set `amount` aside in the user's current period for what `reference` names, and write the line.

    Raises ModelNotInPlan or InsufficientQuota, and nothing is written then.
    """
    subscription = subscription_of(user, now)
    check_included(price.model, subscription.plan)
    period = _opened_period(subscription, now)
    if not _take(period, amount):
        raise _refusal(period, amount)
    taken = Hold.objects.create(
        period=period,
        price=price,
        reference=reference,
        spend=amount.spend,
        videos=amount.videos,
        seconds=amount.seconds,
        created_at=now,
    )
    _write(LedgerEntry.Kind.HOLD, taken, now, by)
    return taken


def settle(held: Hold, *, now: datetime, by: Actor) -> bool:
    """Spend what was held. Return False, and change nothing, when the hold was resolved before."""
    return _resolve(held, Hold.State.SETTLED, LedgerEntry.Kind.SETTLE, now=now, by=by)


def release(held: Hold, *, now: datetime, by: Actor) -> bool:
    """Give back what was held. Return False, and change nothing, when the hold was resolved before."""
    return _resolve(held, Hold.State.RELEASED, LedgerEntry.Kind.RELEASE, now=now, by=by)


@transaction.atomic
def change_plan(user: User, plan: Plan, *, now: datetime) -> Subscription:
    """Give the user another plan.

    The open period follows at once where no limit becomes smaller; otherwise it keeps its limits and the next one
    opens with the new plan's, so that the limit of an open period never falls below what is spent and held.
    """
    subscription = subscription_of(user, now)
    Subscription.objects.filter(pk=subscription.pk).update(plan=plan)
    subscription.plan = plan
    starts_at, _ = period_of(subscription.anchor, now)
    not_smaller = Q()
    for limit, value in _limits(plan).items():
        # NULL is unlimited: nothing but NULL is at least as large.
        not_smaller &= Q() if value is None else Q(**{f"{limit}__lte": value})
    Period.objects.filter(not_smaller, subscription=subscription, starts_at=starts_at).update(**_limits(plan))
    return subscription


def create_api_key(user: User, name: str) -> tuple[ApiKey, str]:
    """Make a key and return it with its secret, which is kept nowhere."""
    secret = f"cb_live_{token_urlsafe(32)}"
    return ApiKey.objects.create(user=user, name=name, prefix=secret[:12], digest=ApiKey.digest_of(secret)), secret


# --- How --------------------------------------------------------------------------------------------------------------


def _limits(plan: Plan) -> dict[str, int | None]:
    return {f"{limit}_limit": getattr(plan, f"{limit}_limit") for limit in LIMITS}


def _opened_period(subscription: Subscription, now: datetime) -> Period:
    starts_at, ends_at = period_of(subscription.anchor, now)
    found = Period.objects.filter(subscription=subscription, starts_at=starts_at).first()
    if found:
        return found
    # Whoever changes the plan waits for this lock, or was waited for: the period opens with the limits of one or other,
    # and an upgrade that comes second finds it.
    plan = Subscription.objects.select_for_update(no_key=True).get(pk=subscription.pk).plan
    # Two at once: the unique constraint lets one create it, the other reads that row.
    return Period.objects.get_or_create(
        subscription=subscription, starts_at=starts_at, defaults={"ends_at": ends_at, **_limits(plan)}
    )[0]


def _take(period: Period, amount: Amount) -> bool:
    """Add to the held sums where all limits allow it: one UPDATE that names constants and own columns only.

    A second hold waits for the row's lock and then sees the sums as the first one left them.
    """
    fits = Q(pk=period.pk)
    for limit in LIMITS:
        used = F(f"{limit}_spent") + F(f"{limit}_held") + getattr(amount, limit)
        fits &= Q(**{f"{limit}_limit__isnull": True}) | Q(**{f"{limit}_limit__gte": used})
    sums = {f"{limit}_held": F(f"{limit}_held") + getattr(amount, limit) for limit in LIMITS}
    return Period.objects.filter(fits).update(**sums) == 1


def _refusal(period: Period, amount: Amount) -> InsufficientQuota:
    period.refresh_from_db()
    # When what was in the way has been released in between, "spend" is named; asking again will then succeed.
    violated = violated_limit(period, amount) or "spend"
    return InsufficientQuota(
        violated=violated,
        required=getattr(amount, violated),
        available=period.left(violated) or 0,
        resets_at=period.ends_at,
    )


@transaction.atomic
def _resolve(held: Hold, state: Hold.State, kind: LedgerEntry.Kind, *, now: datetime, by: Actor) -> bool:
    if not Hold.objects.filter(pk=held.pk, state=Hold.State.HELD).update(state=state, resolved_at=now):
        return False
    held.state, held.resolved_at = state, now
    sums = {f"{limit}_held": F(f"{limit}_held") - getattr(held, limit) for limit in LIMITS}
    if state == Hold.State.SETTLED:
        sums |= {f"{limit}_spent": F(f"{limit}_spent") + getattr(held, limit) for limit in LIMITS}
    Period.objects.filter(pk=held.period_id).update(**sums)
    _write(kind, held, now, by)
    return True


def _write(kind: LedgerEntry.Kind, held: Hold, now: datetime, by: Actor) -> None:
    LedgerEntry.objects.create(
        period_id=held.period_id,
        hold=held,
        price_id=held.price_id,
        reference=held.reference,
        kind=kind,
        spend=held.spend,
        videos=held.videos,
        seconds=held.seconds,
        actor=by.name,
        request_id=by.request_id,
        at=now,
    )
