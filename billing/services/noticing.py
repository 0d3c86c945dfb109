"""Who comes near a limit is told: once a period and threshold, whatever brought it about."""

from datetime import datetime

from billing.models import Notice, Period
from billing.money import LIMITS

_THRESHOLDS = ((100, Notice.Kind.LIMIT_100), (80, Notice.Kind.LIMIT_80))  # percent


def note_thresholds(period: Period, now: datetime) -> None:
    """Note which thresholds the period's sums have reached: the unique constraint lets each be said once.

    Wants sums that the caller's transaction has just written: they are then the row's.
    """
    reached = [
        Notice(period=period, kind=kind, limit=limit, created_at=now)
        for limit in LIMITS
        for percent, kind in _THRESHOLDS
        if _is_reached(period, limit, percent)
    ]
    if reached:
        Notice.objects.bulk_create(reached, ignore_conflicts=True)


def _is_reached(period: Period, limit: str, percent: int) -> bool:
    most = getattr(period, f"{limit}_limit")
    used = getattr(period, f"{limit}_spent") + getattr(period, f"{limit}_held")
    return bool(most) and used * 100 >= most * percent
