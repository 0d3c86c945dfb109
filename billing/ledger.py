"""Proof of the numbers: what the ledger's lines add up to, beside what the rows say. Writes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Case, Count, F, Model, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from billing.models import Hold, LedgerEntry, Period
from billing.money import LIMITS

# What a line of each kind adds to a period's counters, as multiples of its amount.
EFFECTS = {
    LedgerEntry.Kind.HOLD: {"held": 1},
    LedgerEntry.Kind.SETTLE: {"held": -1, "spent": 1},
    LedgerEntry.Kind.RELEASE: {"held": -1},
}


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
    """Yield every counter and every hold that the ledger does not bear out, reading as a stream."""
    yield from _of_periods()
    yield from _of_holds()


def _of_periods() -> Iterator[Difference]:
    counters = [f"{limit}_{counter}" for limit in LIMITS for counter in ("spent", "held")]
    sums = {f"rebuilt_{name}": Coalesce(Subquery(_sum(name)), Value(0)) for name in counters}
    for period in Period.objects.annotate(**sums).select_related("subscription__user", "subscription__plan").iterator():
        for name in counters:
            stored, rebuilt = getattr(period, name), getattr(period, f"rebuilt_{name}")
            if stored != rebuilt:
                yield Difference(row=period, field=name, stored=stored, rebuilt=rebuilt)


def _sum(counter: str) -> "QuerySet[LedgerEntry, dict[str, int]]":
    limit, _, column = counter.rpartition("_")
    effect = Case(
        *(When(kind=kind, then=Value(effects[column])) for kind, effects in EFFECTS.items() if column in effects),
        default=Value(0),
    )
    lines = LedgerEntry.objects.filter(period=OuterRef("pk")).order_by().values("period")
    return lines.annotate(total=Sum(F(limit) * effect)).values("total")


def _of_holds() -> Iterator[Difference]:
    """A hold has one line that took it; and, when it is resolved, the one line that says so, of the same amount."""
    states = {
        Hold.State.HELD: (0, 0),
        Hold.State.SETTLED: (1, 0),
        Hold.State.RELEASED: (0, 1),
    }
    holds = Hold.objects.annotate(
        taken=Count("entries", filter=Q(entries__kind=LedgerEntry.Kind.HOLD) & _same_amount()),
        settled=Count("entries", filter=Q(entries__kind=LedgerEntry.Kind.SETTLE) & _same_amount()),
        released=Count("entries", filter=Q(entries__kind=LedgerEntry.Kind.RELEASE) & _same_amount()),
    )
    for hold in holds.iterator():
        lines = (hold.taken, hold.settled, hold.released)
        if lines != (1, *states[Hold.State(hold.state)]):
            says = f"{lines[0]} hold, {lines[1]} settle and {lines[2]} release lines of its amount"
            yield Difference(row=hold, field="state", stored=hold.state, rebuilt=says)


def _same_amount() -> Q:
    same = Q(entries__period=F("period"))
    for limit in LIMITS:
        same &= Q(**{f"entries__{limit}": F(limit)})
    return same
