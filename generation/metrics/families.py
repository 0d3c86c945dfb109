"""How figures are written for Prometheus."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db.models import Case, CharField, Value, When
from prometheus_client.core import GaugeMetricFamily

Row = tuple[Sequence[str], float]

MICROS = 1_000_000  # of a dollar
# A band of age is named by its upper end; the last has none.
BANDS = {
    "1m": timedelta(minutes=1),
    "10m": timedelta(minutes=10),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
    "older": None,
}
_QUANTILES = (0.5, 0.95, 1.0)


def gauge(name: str, text: str, labels: Sequence[str], rows: Iterable[Row]) -> GaugeMetricFamily:
    """Make a gauge of values with the values of their labels."""
    family = GaugeMetricFamily(f"clapboard_{name}", text, labels=labels)
    for values, number in rows:
        family.add_metric(list(values), number)
    return family


def single(name: str, text: str, number: float) -> GaugeMetricFamily:
    """Make a gauge of one value."""
    return gauge(name, text, [], [((), number)])


def age(now: datetime, moment: datetime | None) -> float:
    """Return the seconds since a moment; 0 where there is none."""
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


def age_band(now: datetime, column: str) -> Case:
    """Return the band of age of a column's moment, for the database to group by."""
    younger = [When(**{f"{column}__gt": now - most}, then=Value(name)) for name, most in BANDS.items() if most]
    return Case(*younger, default=Value("older"), output_field=CharField())


def quantiles(labels: Sequence[str], numbers: Iterable[float]) -> list[Row]:
    """Return median, 95th percentile and the most of what there is; nothing of nothing."""
    ordered = sorted(numbers)
    return [((*labels, f"{q:g}"), ordered[round(q * (len(ordered) - 1))]) for q in _QUANTILES if ordered]
