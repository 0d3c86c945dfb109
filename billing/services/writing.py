"""The one place that writes the ledger, and the lines of limits beside it."""

from datetime import datetime

from billing.models import Grant, Hold, LedgerEntry, LimitsEntry, Period
from billing.money import LIMITS, Amount
from billing.rows import insert
from billing.services.errors import Actor


def write_of_hold(kind: LedgerEntry.Kind, held: Hold, *, now: datetime, by: Actor, reason: str = "") -> None:
    """Write a line about a hold: its amount, its price, its reference."""
    insert(line_of_hold(kind, held, now=now, by=by, reason=reason))


def line_of_hold(kind: LedgerEntry.Kind, held: Hold, *, now: datetime, by: Actor, reason: str = "") -> LedgerEntry:
    """Return a line about a hold, unwritten: who writes a hold writes it along with it."""
    return LedgerEntry(
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
        reason=reason,
    )


def write_of_period(
    period: Period, amount: Amount, *, now: datetime, by: Actor, reason: str, grant: Grant | None = None
) -> None:
    """Write a line about a period: a grant where one is given, else an adjustment. Amounts may be negative."""
    LedgerEntry.objects.create(
        period=period,
        grant=grant,
        kind=LedgerEntry.Kind.GRANT if grant else LedgerEntry.Kind.ADJUST,
        spend=amount.spend,
        videos=amount.videos,
        seconds=amount.seconds,
        actor=by.name,
        request_id=by.request_id,
        at=now,
        reason=reason,
    )


def write_limits(period: Period, *, now: datetime, reason: str, by: Actor) -> None:
    """Write what a period's limits are before grants, and its models, as its row says in this transaction."""
    says = {limit: period.base(limit) for limit in LIMITS} | {"models_allowed": period.models_allowed}
    LimitsEntry.objects.create(period=period, **says, actor=by.name, at=now, reason=reason[:300])
