"""What operators put right, each with a reason and a line: refunds, adjustments, and counters that slipped."""

from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from billing.ledger import sums_of
from billing.models import ApiKey, Hold, LedgerEntry, Period, User
from billing.money import LIMITS, Amount
from billing.services.errors import Actor, CantAdjust, NotRefundable
from billing.services.granting import grant_in
from billing.services.looking import subscription_of
from billing.services.opening import opened_period
from billing.services.writing import write_of_hold, write_of_period


@transaction.atomic
def refund(held: Hold, *, reason: str, now: datetime, by: Actor) -> bool:
    """Give back what was charged: to the hold's period, and where that is over, as a grant in the current one.

    Return False, and change nothing, when it was refunded before. Raises NotRefundable for what was not charged.
    """
    charged = Hold.objects.filter(pk=held.pk, state=Hold.State.SETTLED)
    if not charged.filter(refunded_at__isnull=True).update(refunded_at=now):
        if not charged.exists():
            raise NotRefundable(f"This is {held.state}; only what was charged can be refunded.")
        return False
    held.refresh_from_db()
    # The period before the key, as with holds; and the current one last, which is younger than any other.
    sums = {f"{limit}_spent": F(f"{limit}_spent") - getattr(held, limit) for limit in LIMITS}
    Period.objects.filter(pk=held.period_id).update(**sums)
    if held.api_key_id:
        ApiKey.objects.filter(pk=held.api_key_id).update(spend_spent=F("spend_spent") - held.spend)
    write_of_hold(LedgerEntry.Kind.REFUND, held, now=now, by=by, reason=reason)
    period = Period.objects.select_related("subscription__plan").get(pk=held.period_id)
    if period.ends_at <= now:
        current = opened_period(period.subscription, now)
        grant_in(current, held.amount, reason=f"Refund: {reason}"[:300], now=now, by=by)
    return True


@transaction.atomic
def adjust(user: User, amount: Amount, *, reason: str, now: datetime, by: Actor) -> Period:
    """Add to what is spent in the user's current period; amounts below zero take away. Raises CantAdjust."""
    period = opened_period(subscription_of(user, now), now)
    fits = Q(pk=period.pk)
    for limit in LIMITS:
        after = F(f"{limit}_spent") + getattr(amount, limit)
        fits &= Q(**{f"{limit}_spent__gte": -getattr(amount, limit)})
        fits &= Q(**{f"{limit}_limit__isnull": True}) | Q(**{f"{limit}_limit__gte": after + F(f"{limit}_held")})
    sums = {f"{limit}_spent": F(f"{limit}_spent") + getattr(amount, limit) for limit in LIMITS}
    if not Period.objects.filter(fits).update(**sums):
        raise CantAdjust(
            "That would leave less than nothing spent, or more than the limit allows; nothing was changed."
        )
    write_of_period(period, amount, now=now, by=by, reason=reason)
    period.refresh_from_db()
    return period


@transaction.atomic
def repair_period(period: Period, *, now: datetime, by: Actor) -> bool:
    """Set a period's counters to the ledger's sums, never the other way round, and record it in a line of zeros.

    A limit that no longer holds all of it is raised to what it must hold. False when nothing was wrong.
    """
    locked = Period.objects.select_for_update().get(pk=period.pk)
    rebuilt = sums_of(locked)
    wrong = {name: value for name, value in rebuilt.items() if getattr(locked, name) != value}
    if not wrong:
        return False
    said = "; ".join(f"{name} was {getattr(locked, name)}, is {value}" for name, value in wrong.items())
    for limit in LIMITS:
        used, most = rebuilt[f"{limit}_spent"] + rebuilt[f"{limit}_held"], getattr(locked, f"{limit}_limit")
        if most is not None and most < used:
            wrong[f"{limit}_limit"] = used
    Period.objects.filter(pk=locked.pk).update(**wrong)
    nothing = Amount(spend=0, videos=0, seconds=0)
    write_of_period(locked, nothing, now=now, by=by, reason=f"Counters set to the ledger's sums: {said}"[:300])
    return True
