"""Limits side by side: what the plan allows, what an operator does, what holds now and what is used of it."""

from collections.abc import Iterable, Sequence

from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.desk import AMOUNTS, written
from billing.models import Override, Period
from billing.money import LIMITS

_NONE = "–"


def used_table(period: Period) -> SafeString:
    """Return a period's limits with what was granted, and what is used of them."""
    rows = [[AMOUNTS[limit], _granted(period, limit), *_used(period, limit)] for limit in LIMITS]
    return _table(["Limit", "Granted", "Holds", "Spent", "Held", "Left"], rows)


def limits_table(period: Period, overrides: Iterable[Override]) -> SafeString:
    """Return the plan's limits, the subscription's own, and what holds in the period; with remarks on what differs."""
    own = {override.limit: override for override in overrides}
    plan = period.subscription.plan
    rows, remarks = [], []
    for limit in LIMITS:
        of_plan = getattr(plan, f"{limit}_limit")
        mine = own.get(limit)
        rows.append(
            [
                AMOUNTS[limit],
                written(limit, of_plan),
                written(limit, mine.value) if mine else _NONE,
                _granted(period, limit),
                *_used(period, limit),
            ]
        )
        remarks.append(_remark(period, limit, mine.value if mine else of_plan))
    headings = ["Limit", "From the plan", "Own", "Granted", "Holds now", "Spent", "Held", "Left"]
    said = format_html_join("", '<div class="mt-2">{}</div>', ((remark,) for remark in remarks if remark))
    return format_html("{}{}", _table(headings, rows), said)


def models_table(period: Period, overrides: Iterable[Override]) -> SafeString:
    """Return which models the plan allows, which an operator does, and which hold now."""
    own = [override for override in overrides if override.limit == Override.Limit.MODELS]
    rows = [
        ("From the plan", ids(period.subscription.plan.models_allowed)),
        ("Own", allowed_by(own[0]) if own else _NONE),
        ("Holds now", ids(period.models_allowed)),
    ]
    return format_html_join("", "<div>{}: {}</div>", rows)


def ids(models: Sequence[str] | None) -> str:
    """Return a list of models as people read it."""
    return "all models" if models is None else ", ".join(models) or "no model"


def used(period: Period, limit: str) -> str:
    """Return what is spent and held of a limit, in a line."""
    spent, held, allowed = (written(limit, getattr(period, f"{limit}_{what}")) for what in ("spent", "held", "limit"))
    return f"{spent} + {held} of {allowed}"


def allowed_by(override: Override) -> str:
    """Return what an own limit allows."""
    if override.limit == Override.Limit.MODELS:
        return ids(override.models_allowed)
    return written(override.limit, override.value)


def _granted(period: Period, limit: str) -> str:
    granted = getattr(period, f"{limit}_granted")
    return f"+{written(limit, granted)}" if granted else _NONE


def _used(period: Period, limit: str) -> list[str]:
    columns = [getattr(period, f"{limit}_{column}") for column in ("limit", "spent", "held")]
    return [written(limit, value) for value in (*columns, period.left(limit))]


def _remark(period: Period, limit: str, chosen: int | None) -> str:
    """Say why another limit holds than the chosen one with what was granted."""
    name, kept = AMOUNTS[limit], period.base(limit)
    stops = f"{name}: {stops}" if (stops := stops_at(period, limit)) else ""
    if kept == chosen:
        return stops
    keeps = f"{name}: the open period keeps {written(limit, kept)}; the next one begins with what stands here."
    return f"{keeps} {stops}".strip()


def stops_at(period: Period, limit: str) -> str:
    """Say so where a limit stands above what it is meant to be; nothing where it does not."""
    if not period.above(limit):
        return ""
    target, holds = (written(limit, getattr(period, f"{limit}_{column}")) for column in ("target", "limit"))
    return (
        f"{target} is meant to hold, but the limit stops at {holds}, which is spent and held already; it sinks as some "
        "of that comes back."
    )


def all_stops(period: Period) -> str:
    """Say where limits stand above what they are meant to be; nothing where none does."""
    return " ".join(f"{AMOUNTS[limit]}: {stops}" for limit in LIMITS if (stops := stops_at(period, limit)))


def filled(before: Period, after: Period) -> str:
    """Say what is left of each limit that stood above what it was meant to be, since what comes in fills that first."""
    found = []
    for limit in LIMITS:
        if before.above(limit):
            left = f"{written(limit, after.left(limit))} left, since more was spent and held than is meant to hold."
            found.append(f"{AMOUNTS[limit]}: {stops_at(after, limit) or left}")
    return " ".join(found)


def _table(headings: list[str], rows: list[list[str]]) -> SafeString:
    # On a phone a cell is a line of its name and this.
    cells = [[format_html('<span class="self-center">{}</span>', cell) for cell in row] for row in rows]
    return render_to_string("unfold/components/table.html", {"table": {"headers": headings, "rows": cells}})
