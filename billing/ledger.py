"""Proof of the numbers: what the ledger's lines add up to, beside what the rows say. Writes nothing."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db import connection, transaction
from django.db.models import Case, F, Min, Model, QuerySet, Sum, Value, When

from billing.models import ApiKey, FreeDay, Grant, Hold, LedgerEntry, LimitsEntry, Period
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
# A day of Free counts what is held and spent; a refund does not give it back.
_OF_FREE = {LedgerEntry.Kind.HOLD: 1, LedgerEntry.Kind.RELEASE: -1}
_OF_HOLD = ("period_id", "price_id", "reference", *LIMITS)  # what a hold and each of its lines say alike
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
    """Yield every counter, limit, grant and hold that the lines do not bear out, reading as a stream.

    All is read as it was at one moment, so whoever walks through it must write nothing meanwhile.
    """
    with _one_moment():
        yield from _of_periods()
        yield from _compared(ApiKey.objects.order_by("pk"), _sums("hold__api_key_id", KEY_COUNTERS), KEY_COUNTERS)
        yield from _compared(FreeDay.objects.order_by("pk"), _sums_of_free(), ("spend_used",))
        yield from _of_grants()
        yield from _of_holds()


def rebuilt(period: Period) -> dict[str, Any]:
    """Return what the lines say of one period: its counters, the targets and limits that follow, and a grant's end."""
    sums = _added_up(LedgerEntry.objects.filter(period=period), COUNTERS)
    latest = LimitsEntry.objects.filter(period=period).order_by("-pk").values_list(*LIMITS, "models_allowed").first()
    ends = _ends_of_grants().filter(period=period).first()
    return sums | _limits(latest, sums) | {"grant_expires_at": ends[1] if ends else None}


def sums_of_key(key: ApiKey) -> dict[str, int]:
    """Return what the ledger says of one key's counters."""
    return _added_up(LedgerEntry.objects.filter(hold__api_key=key), KEY_COUNTERS)


def sum_of_free(day: FreeDay) -> int:
    """Return what the ledger says of one day of Free."""
    lines = LedgerEntry.objects.filter(hold__free_day=day)
    return lines.aggregate(used=_sum_by_kind("spend", dict(_OF_FREE)))["used"] or 0


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


def _of_periods() -> Iterator[Difference]:
    periods = Period.objects.select_related("subscription__user", "subscription__plan").order_by("pk")
    told = (_keyed(_sums("period_id", COUNTERS)), _latest_limits(), _ends_of_grants().iterator(chunk_size=_CHUNK))
    for period, found, latest, ends in _beside(periods, *told):
        sums = {name: (found[name] or 0) if found else 0 for name in COUNTERS}
        if latest is None:
            yield Difference(row=period, field="limits", stored="as they stand", rebuilt="nothing of them")
        says = sums | _limits(latest, sums) | {"grant_expires_at": ends}
        yield from _differing(period, says)


def _limits(before_grants: tuple[Any, ...] | None, sums: dict[str, int]) -> dict[str, Any]:
    """Return targets and limits by the one rule, and the models; {} where no line says what they are before grants."""
    if before_grants is None:
        return {}
    *values, models = before_grants
    says: dict[str, Any] = {"models_allowed": models}
    for limit, value in zip(LIMITS, values, strict=True):
        target = None if value is None else value + sums[f"{limit}_granted"]
        says[f"{limit}_target"] = target
        used = sums[f"{limit}_spent"] + sums[f"{limit}_held"]
        says[f"{limit}_limit"] = None if target is None else max(target, used)
    return says


def _latest_limits() -> Iterator[tuple[int, tuple[Any, ...]]]:
    """Yield each period's key with the limits before grants and the models that its latest line says."""
    lines = LimitsEntry.objects.order_by("period_id", "pk").values_list("period_id", *LIMITS, "models_allowed")
    for key, of_period in _grouped(lines):
        yield key, of_period[-1]


def _ends_of_grants() -> "QuerySet[Grant, tuple[int, Any]]":
    """Return each period's key with when the first of its grants in force ends."""
    ending = Grant.objects.filter(expired_at__isnull=True, expires_at__isnull=False).order_by("period_id")
    return ending.values("period_id").annotate(first=Min("expires_at")).values_list("period_id", "first")


def _compared(
    rows: "QuerySet[Any]", sums: "QuerySet[LedgerEntry, dict[str, Any]]", names: Iterable[str]
) -> Iterator[Difference]:
    for row, found in _beside(rows, _keyed(sums)):
        yield from _differing(row, {name: (found[name] or 0) if found else 0 for name in names})


def _differing(row: Model, says: dict[str, Any]) -> Iterator[Difference]:
    for name, value in says.items():
        if (stored := getattr(row, name)) != value:
            yield Difference(row=row, field=name, stored=stored, rebuilt=value)


def _beside(rows: "QuerySet[Any]", *told: Iterator[tuple[Any, Any]]) -> Iterator[tuple[Any, ...]]:
    """Walk rows and what is told of them side by side, all in the order of their keys: none is ever whole in memory."""
    ahead = [next(each, None) for each in told]
    for row in rows.iterator(chunk_size=_CHUNK):
        found: list[Any] = []
        for place, each in enumerate(told):
            first = ahead[place]
            is_of_row = first is not None and first[0] == row.pk
            found.append(first[1] if first and is_of_row else None)
            if is_of_row:
                ahead[place] = next(each, None)
        yield (row, *found)


def _keyed(sums: "QuerySet[LedgerEntry, dict[str, Any]]") -> Iterator[tuple[Any, dict[str, Any]]]:
    return ((line["of"], line) for line in sums.iterator(chunk_size=_CHUNK))


def _grouped(lines: "QuerySet[Any, tuple[Any, ...]]") -> Iterator[tuple[Any, list[tuple[Any, ...]]]]:
    """Yield each key, which is what a line begins with, and the rest of its lines."""
    for key, of_one in groupby(lines.iterator(chunk_size=_CHUNK), key=lambda line: line[0]):
        yield key, [line[1:] for line in of_one]


def _sums(by: str, names: Iterable[str]) -> "QuerySet[LedgerEntry, dict[str, Any]]":
    lines = LedgerEntry.objects.filter(**{f"{by}__isnull": False}).order_by(by).values(of=F(by))
    return lines.annotate(**{name: _sum(name) for name in names})


def _sums_of_free() -> "QuerySet[LedgerEntry, dict[str, Any]]":
    by = "hold__free_day_id"
    lines = LedgerEntry.objects.filter(**{f"{by}__isnull": False}).order_by(by).values(of=F(by))
    return lines.annotate(spend_used=_sum_by_kind("spend", dict(_OF_FREE)))


def _sum(counter: str) -> Sum:
    limit, _, column = counter.rpartition("_")
    return _sum_by_kind(limit, {kind: effects[column] for kind, effects in EFFECTS.items() if column in effects})


def _sum_by_kind(limit: str, effects: dict[LedgerEntry.Kind, int]) -> Sum:
    effect = Case(*(When(kind=kind, then=Value(times)) for kind, times in effects.items()), default=Value(0))
    return Sum(F(limit) * effect)


def _of_grants() -> Iterator[Difference]:
    """A grant has one line that gives all of it, and when it has ended, one that takes it away again."""
    lines = LedgerEntry.objects.filter(grant__isnull=False).order_by("grant_id", "pk")
    told = _grouped(lines.values_list("grant_id", "period_id", *LIMITS))
    for grant, found in _beside(Grant.objects.order_by("pk"), told):
        given = (grant.period_id, grant.spend, grant.videos, grant.seconds)
        first, *rest = found or [None]
        if first != given or not _is_ended(grant, rest):
            says = " and ".join(f"{line[1:]}" for line in found or ()) or "nothing"
            yield Difference(row=grant, field="amount", stored=given[1:], rebuilt=f"{says} of {LIMITS}")


def _is_ended(grant: Grant, lines: list[tuple[Any, ...]]) -> bool:
    """Say whether the lines after the first are as they must be."""
    if grant.expired_at is None or len(lines) != 1:
        return grant.expired_at is None and not lines
    period, *taken = lines[0]
    # Lines of before there was one rule took away only what was unused; the period's sums follow its lines either way.
    amounts = (grant.spend, grant.videos, grant.seconds)
    within = all(0 <= -away <= amount for away, amount in zip(taken, amounts, strict=True))
    return bool(period == grant.period_id and within)


def _of_holds() -> Iterator[Difference]:
    """A hold has one line that took it; when it is resolved or refunded, one that says so; all as the hold says."""
    lines = LedgerEntry.objects.filter(hold__isnull=False).order_by("hold_id", "pk")
    told = _grouped(lines.values_list("hold_id", "kind", *_OF_HOLD))
    for hold, lines_of_it in _beside(Hold.objects.order_by("pk"), told):
        found = lines_of_it or []
        own = tuple(getattr(hold, name) for name in _OF_HOLD)
        same = [line[0] for line in found if line[1:] == own]
        expected = _expected(hold)
        if sorted(same) != sorted(expected) or len(same) != len(found):
            says = " and ".join(f"a {kind}" for kind in same) or "no"
            stored = f"{hold.state}{', refunded' if hold.refunded_at else ''}"
            yield Difference(
                row=hold, field="state", stored=stored, rebuilt=f"{says} line of its amount, price and reference"
            )


def _expected(hold: Hold) -> list[str]:
    resolved = {
        Hold.State.HELD: [],
        Hold.State.SETTLED: [LedgerEntry.Kind.SETTLE],
        Hold.State.RELEASED: [LedgerEntry.Kind.RELEASE],
    }[Hold.State(hold.state)]
    refunded = [LedgerEntry.Kind.REFUND] if hold.refunded_at else []
    return [str(kind) for kind in (LedgerEntry.Kind.HOLD, *resolved, *refunded)]
