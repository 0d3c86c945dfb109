"""What operators put right, each with a reason and a line: refunds, adjustments, and counters that slipped."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.expressions import Combinable

from billing.ledger import COUNTERS, rebuilt, sum_of_free, sums_of_key
from billing.models import ApiKey, FreeDay, Hold, LedgerEntry, Period, User
from billing.money import LIMITS, Amount
from billing.services.checking import check_adjusted, check_reason
from billing.services.errors import Actor, CantAdjust, CantRepair, NotRefundable
from billing.services.granting import expire_grants, grant_in
from billing.services.looking import subscription_of
from billing.services.noticing import note_thresholds
from billing.services.opening import opened_period
from billing.services.stopping import limits_after
from billing.services.writing import write_of_hold, write_of_period

_REASON = 300  # characters that a line has
_NOTHING = Amount(spend=0, videos=0, seconds=0)


@transaction.atomic
def refund(held: Hold, *, reason: str, now: datetime, by: Actor) -> bool:
    """Give back what was charged: to the hold's period, and where that is over, as a grant in the current one.

    Return False, and change nothing, when it was refunded before. Raises NotRefundable for what was not charged, and
    InvalidValue without a reason.
    """
    check_reason(reason)
    charged = Hold.objects.filter(pk=held.pk, state=Hold.State.SETTLED)
    if not charged.filter(refunded_at__isnull=True).update(refunded_at=now):
        if not charged.exists():
            raise NotRefundable(f"This is {held.state}; only what was charged can be refunded.")
        return False
    held.refresh_from_db()
    period = Period.objects.select_related("subscription__plan").get(pk=held.period_id)
    # In the order in which holds lock too: what opens a period, periods from the older to the younger, the key.
    current = opened_period(period.subscription, now, by) if period.ends_at <= now else None
    sums = _spent_more(-held.amount)
    there = Q(**{f"{limit}_spent__gte": getattr(held, limit) for limit in LIMITS})
    if not Period.objects.filter(there, pk=period.pk).update(**sums):
        raise NotRefundable("Less than this is spent in its period: what was charged has been adjusted already.")
    write_of_hold(LedgerEntry.Kind.REFUND, held, now=now, by=by, reason=reason)
    if current:
        grant_in(current, held.amount, reason=f"Refund: {reason}"[:300], now=now, by=by)
    if held.api_key_id:
        ApiKey.objects.filter(pk=held.api_key_id).update(spend_spent=F("spend_spent") - held.spend)
    return True


@transaction.atomic
def adjust(user: User, amount: Amount, *, reason: str, now: datetime, by: Actor) -> Period:
    """Add to what is spent in the user's current period; amounts below zero take away.

    Raises CantAdjust where that does not fit, and InvalidValue for nothing at all or no reason.
    """
    check_adjusted(amount)
    check_reason(reason)
    period = opened_period(subscription_of(user, now), now, by)
    expire_grants(period, now)
    fits = Q(pk=period.pk)
    for limit in LIMITS:
        after = F(f"{limit}_spent") + getattr(amount, limit)
        fits &= Q(**{f"{limit}_spent__gte": -getattr(amount, limit)})
        fits &= Q(**{f"{limit}_limit__isnull": True}) | Q(**{f"{limit}_limit__gte": after + F(f"{limit}_held")})
    if not Period.objects.filter(fits).update(**_spent_more(amount)):
        raise CantAdjust(
            "That would leave less than nothing spent, or more than the limit allows; nothing was changed."
        )
    write_of_period(period, amount, now=now, by=by, reason=reason)
    period.refresh_from_db()
    note_thresholds(period, now)
    return period


@transaction.atomic
def repair_period(period: Period, *, now: datetime, by: Actor) -> bool:
    """Set a period's counters to the ledger's sums, never the other way round, and record it in a line of zeros.

    Targets and limits follow by their rule. False when nothing was wrong; raises CantRepair where the lines themselves
    add up to nonsense, or none says what the limits are.
    """
    locked = Period.objects.select_for_update(no_key=True).get(pk=period.pk)
    says = rebuilt(locked)
    wrong = _differing(locked, says)
    if not wrong:
        if not locked.limits_entries.exists():
            raise CantRepair(f"No line says what the limits of {locked} are; its counters are right.")
        return False
    _check_sums(locked, [says[name] for name in COUNTERS])
    for limit in LIMITS:
        if f"{limit}_limit" not in says:  # no line says what it was before grants: its target stays
            target, used = getattr(locked, f"{limit}_target"), says[f"{limit}_spent"] + says[f"{limit}_held"]
            wrong[f"{limit}_limit"] = None if target is None else max(target, used)
    _write_changes(locked, "Counters set to the ledger's sums: ", _changes(locked, wrong), now=now, by=by)
    Period.objects.filter(pk=locked.pk).update(**wrong)
    locked.refresh_from_db()
    note_thresholds(locked, now)
    return True


@transaction.atomic
def repair_key(key: ApiKey, *, now: datetime, by: Actor) -> bool:
    """Do the same for the counters of an API key; the line of zeros stands in its user's current period.

    A cap that no longer holds all of it is raised to what it must hold.
    """
    if not _differing(key, sums_of_key(key)):
        return False
    # The period before the key, as with holds; what was wrong is looked at again under the lock.
    period = opened_period(subscription_of(key.user, now), now, by)
    locked = ApiKey.objects.select_for_update(no_key=True).get(pk=key.pk)
    says = sums_of_key(locked)
    wrong = _differing(locked, says)
    if wrong:
        _check_sums(locked, says.values())
        used = says["spend_spent"] + says["spend_held"]
        if locked.spend_limit is not None and locked.spend_limit < used:
            wrong["spend_limit"] = used
        said = f"Counters of key {locked.prefix} set to the ledger's sums: "
        _write_changes(period, said, _changes(locked, wrong), now=now, by=by)
        ApiKey.objects.filter(pk=locked.pk).update(**wrong)
    return bool(wrong)


@transaction.atomic
def repair_free_day(day: FreeDay) -> bool:
    """Do the same for a day of Free; no line, since it belongs to nobody whose statement could bear one."""
    locked = FreeDay.objects.select_for_update(no_key=True).get(pk=day.pk)
    says = sum_of_free(locked)
    return bool(FreeDay.objects.filter(pk=locked.pk).exclude(spend_used=says).update(spend_used=says))


def _spent_more(amount: Amount) -> dict[str, Combinable]:
    """Return the fields of a period in which so much more is spent; amounts below zero are less."""
    sums: dict[str, Combinable] = {f"{limit}_spent": F(f"{limit}_spent") + getattr(amount, limit) for limit in LIMITS}
    return sums | limits_after(amount)


def _differing(row: Period | ApiKey, says: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in says.items() if getattr(row, name) != value}


def _check_sums(row: Period | ApiKey, sums: Iterable[int]) -> None:
    if min(sums) < 0:
        raise CantRepair(f"The lines of {row} add up to less than nothing; only new lines can correct that.")


def _changes(row: Period | ApiKey, wrong: dict[str, Any]) -> list[str]:
    return [f"{name} was {getattr(row, name)}, is {value}" for name, value in wrong.items()]


def _write_changes(period: Period, said: str, changes: list[str], *, now: datetime, by: Actor) -> None:
    """Write lines of zeros that name every change: as many as that takes, since a line holds only so much."""
    reason = ""
    for change in changes:
        longer = f"{reason}; {change}" if reason else f"{said}{change}"
        if len(longer) > _REASON:
            write_of_period(period, _NOTHING, now=now, by=by, reason=reason)
            longer = f"{said}{change}"
        reason = longer[:_REASON]  # a list of models may be longer than any line
    write_of_period(period, _NOTHING, now=now, by=by, reason=reason)
