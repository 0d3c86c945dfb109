"""When a subscription's months begin and end. Pure date arithmetic."""

from calendar import monthrange
from datetime import UTC, datetime


def period_of(anchor: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return start and end (exclusive) of the month of `anchor` in which `now` lies, in UTC.

    Both are aware, in whatever zone. An anchor on the 29th to 31st falls on the last day of a shorter month and returns
    afterwards, since each boundary is counted from the anchor itself and never from the boundary before.
    The first period is the one that begins at the anchor: a moment before it counts as the anchor itself, or clocks
    that differ, or two first jobs at once, would open a month before the first and sell its quota beside.
    """
    # One calendar: a month counted in another zone may be the one before or after.
    anchor = anchor.astimezone(UTC)
    now = max(now.astimezone(UTC), anchor)
    months = (now.year - anchor.year) * 12 + now.month - anchor.month
    if _month_after(anchor, months) > now:
        months -= 1
    return _month_after(anchor, months), _month_after(anchor, months + 1)


def _month_after(anchor: datetime, months: int) -> datetime:
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))
