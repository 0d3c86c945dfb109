"""Proof of the numbers: what the ledger's lines add up to, beside what the rows say. Writes nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Model, QuerySet, Sum, Value, When

from billing.models import ApiKey, Hold, LedgerEntry, Period
from billing.money import LIMITS

# What a line of each kind adds to a period's counters, as multiples of its amount.
EFFECTS = {
    LedgerEntry.Kind.HOLD: {"held": 1},
    LedgerEntry.Kind.SETTLE: {"held": -1, "spent": 1},
    LedgerEntry.Kind.RELEASE: {"held": -1},
    LedgerEntry.Kind.GRANT: {"granted": 1},
    LedgerEntry.Kind.ADJUST: {"spent": 1},
    LedgerEntry.Kind.REFUND: {"spent": -1},
}
# What it adds to what is left: the limit grows by what is granted, and spent and held are taken off.
LEFT_CHANGE = {
    kind: effects.get("granted", 0) - effects.get("spent", 0) - effects.get("held", 0)
    for kind, effects in EFFECTS.items()
}
COUNTERS = tuple(f"{limit}_{column}" for limit in LIMITS for column in ("spent", "held", "granted"))
KEY_COUNTERS = ("spend_spent", "spend_held")
_CHUNK = 2000  # rows in memory at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A row that says something else than the ledger. Amounts in the units of their field."""

    row: Model
    field: str
    stored: object
    rebuilt: object

    def __str__(self) -> str:
        kind = type(self.row).__name__.lower()
        return f"{kind} {self.row.pk} ({self.row}): {self.field} is {self.stored}, the ledger says {self.rebuilt}"


def differences() -> Iterator[Difference]:
    """Yield every counter and every hold that the ledger does not bear out, reading as a stream.

    All is read as it was at one moment, so whoever walks through it must write nothing meanwhile.
    """
    with _one_moment():
        periods = Period.objects.select_related("subscription__user", "subscription__plan").order_by("pk")
        yield from _compared(periods, _sums("period_id", COUNTERS), COUNTERS)
        yield from _compared(ApiKey.objects.order_by("pk"), _sums("hold__api_key_id", KEY_COUNTERS), KEY_COUNTERS)
        yield from _of_holds()


def sums_of(period: Period) -> dict[str, int]:
    """Return what the ledger says of one period's counters."""
    return _added_up(LedgerEntry.objects.filter(period=period), COUNTERS)


def sums_of_key(key: ApiKey) -> dict[str, int]:
    """Return what the ledger says of one key's counters."""
    return _added_up(LedgerEntry.objects.filter(hold__api_key=key), KEY_COUNTERS)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Let all reads of the block see the same moment, or a hold taken between two of them looks like a difference."""
    if connection.in_atomic_block:  # the caller chose his moment
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own would keep everybody from writing
        try:
            yield
        finally:
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def _added_up(lines: "QuerySet[LedgerEntry]", names: Iterable[str]) -> dict[str, int]:
    sums = lines.aggregate(**{name: _sum(name) for name in names})
    return {name: number or 0 for name, number in sums.items()}


def _compared(
    rows: "QuerySet[Any]", sums: "QuerySet[LedgerEntry, dict[str, Any]]", names: Iterable[str]
) -> Iterator[Difference]:
    """Walk rows and sums side by side, both in the order of their keys: neither is ever whole in memory."""
    rebuilt = sums.iterator(chunk_size=_CHUNK)
    ahead = next(rebuilt, None)
    for row in rows.iterator(chunk_size=_CHUNK):
        found = ahead if ahead and ahead["of"] == row.pk else None
        if found:
            ahead = next(rebuilt, None)
        for name in names:
            stored, says = getattr(row, name), (found[name] or 0) if found else 0
            if stored != says:
                yield Difference(row=row, field=name, stored=stored, rebuilt=says)


def _sums(by: str, names: Iterable[str]) -> "QuerySet[LedgerEntry, dict[str, Any]]":
    lines = LedgerEntry.objects.filter(**{f"{by}__isnull": False}).order_by(by).values(of=F(by))
    return lines.annotate(**{name: _sum(name) for name in names})


def _sum(counter: str) -> Sum:
    limit, _, column = counter.rpartition("_")
    effect = Case(
        *(When(kind=kind, then=Value(effects[column])) for kind, effects in EFFECTS.items() if column in effects),
        default=Value(0),
    )
    return Sum(F(limit) * effect)


def _of_holds() -> Iterator[Difference]:
    """A hold has one line that took it; when it is resolved or refunded, one that says so; all of its amount."""
    lines = LedgerEntry.objects.filter(hold__isnull=False).order_by("hold_id", "pk")
    told = groupby(
        lines.values_list("hold_id", "kind", "period_id", *LIMITS).iterator(chunk_size=_CHUNK), key=lambda line: line[0]
    )
    ahead = next(told, None)
    for hold in Hold.objects.order_by("pk").iterator(chunk_size=_CHUNK):
        found: list[tuple[Any, ...]] = []
        if ahead and ahead[0] == hold.pk:
            found = list(ahead[1])
            ahead = next(told, None)
        same = [line[1] for line in found if line[2:] == (hold.period_id, hold.spend, hold.videos, hold.seconds)]
        expected = _expected(hold)
        if sorted(same) != sorted(expected) or len(same) != len(found):
            says = " and ".join(f"a {kind}" for kind in same) or "no"
            stored = f"{hold.state}{', refunded' if hold.refunded_at else ''}"
            yield Difference(row=hold, field="state", stored=stored, rebuilt=f"{says} line of its amount")


def _expected(hold: Hold) -> list[str]:
    resolved = {
        Hold.State.HELD: [],
        Hold.State.SETTLED: [LedgerEntry.Kind.SETTLE],
        Hold.State.RELEASED: [LedgerEntry.Kind.RELEASE],
    }[Hold.State(hold.state)]
    refunded = [LedgerEntry.Kind.REFUND] if hold.refunded_at else []
    return [str(kind) for kind in (LedgerEntry.Kind.HOLD, *resolved, *refunded)]
