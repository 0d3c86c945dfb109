"""What was charged in a period, by day, model and API key: added up in the database, however many jobs there are.

What was refunded is not counted: it was not charged after all.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from billing.models import Hold, LedgerEntry, Period
from generation.catalog import entry_of
from generation.models import Job

_SETTLED, _HELD = Q(hold__state=Hold.State.SETTLED), Q(hold__state=Hold.State.HELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a model or an API key has a part in. Money in micro-dollars."""

    name: str
    videos: int
    seconds: int
    spent: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Charged:
    """What was charged: by day and model, by model, by API key; each adds up to the same."""

    days: dict[date, dict[str, int]]
    models: list[Part]
    keys: list[Part]
    corrections: Part | None

    @property
    def total(self) -> Part:
        """The sum, which is what the period's counters say."""
        parts = [*self.models, *([self.corrections] if self.corrections else [])]
        return _added("In all", parts)


def charged(period: Period) -> Charged:
    """Return what was charged in a period, and what is set aside. Days are those of the time zone in use."""
    days: dict[date, dict[str, int]] = {}
    of_model: dict[str, list[Part]] = {}
    for row in _sums(period, "on", "model"):
        name = entry_of(row["model"]).title
        of_model.setdefault(name, []).append(_part(name, row))
        if row["on"]:  # what is set aside has no day yet
            of_day = days.setdefault(row["on"], {})
            of_day[name] = of_day.get(name, 0) + row["spent"]
    return Charged(
        days=days,
        models=_by_spent([_added(name, parts) for name, parts in of_model.items()]),
        keys=_by_spent([_part(_key(row), row) for row in _sums(period, "api_key__name", "api_key__prefix")]),
        corrections=_corrections(period),
    )


def _sums(period: Period, *by: str) -> QuerySet[Job, dict[str, Any]]:
    jobs = Job.objects.filter(_SETTLED | _HELD, hold__period=period.pk, hold__refunded_at__isnull=True)
    return (
        jobs.annotate(on=TruncDate("hold__resolved_at"))
        .values(*by)
        .annotate(
            videos=Coalesce(Sum("hold__videos", filter=_SETTLED), 0),
            seconds=Coalesce(Sum("hold__seconds", filter=_SETTLED), 0),
            spent=Coalesce(Sum("hold__spend", filter=_SETTLED), 0),
            held=Coalesce(Sum("hold__spend", filter=_HELD), 0),
        )
        .order_by(*by)
    )


def _key(row: dict[str, Any]) -> str:
    """Return what a key is called; without one it was made on the pages, by command or from Python."""
    return "No key" if row["api_key__prefix"] is None else f"{row['api_key__name']} ({row['api_key__prefix']}…)"


def _corrections(period: Period) -> Part | None:
    """Return what operators added to what is charged, or took away; None where they did not."""
    adjusted = LedgerEntry.objects.filter(period=period.pk, kind=LedgerEntry.Kind.ADJUST)
    row = adjusted.aggregate(videos=Sum("videos"), seconds=Sum("seconds"), spent=Sum("spend"))
    return _part("Corrections", row | {"held": 0}) if any(row.values()) else None


def _part(name: str, row: dict[str, Any]) -> Part:
    return Part(name=name, **{of: row[of] for of in ("videos", "seconds", "spent", "held")})


def _added(name: str, parts: list[Part]) -> Part:
    return _part(name, {of: sum(getattr(part, of) for part in parts) for of in ("videos", "seconds", "spent", "held")})


def _by_spent(parts: list[Part]) -> list[Part]:
    return sorted(parts, key=lambda part: (-part.spent, part.name))
