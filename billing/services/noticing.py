"""Who comes near a limit is told: once a period and threshold, whatever brought it about."""

from datetime import datetime

from django.db import transaction

from billing.models import Notice, Period
from billing.money import LIMITS

PERCENT = {Notice.Kind.LIMIT_100: 100, Notice.Kind.LIMIT_80: 80}


def note_thresholds(period: Period, now: datetime) -> None:
    """Note which thresholds the period's sums have reached: the unique constraint lets each be said once.

    Wants sums that the caller's transaction has just written: they are then the row's. Of a period that is over nobody
    wants to know, and what was told in it is forgotten one day.
    """
    if period.ends_at <= now:
        return
    reached = [
        Notice(period=period, kind=kind, limit=limit, created_at=now)
        for limit in LIMITS
        for kind in PERCENT
        if _is_reached(period, limit, kind)
    ]
    if reached:
        Notice.objects.bulk_create(reached, ignore_conflicts=True)


@transaction.atomic
def confirm(notice: Notice) -> bool:
    """Say whether what a notice tells is still so, and give it its period as it is now.

    One that is not so goes, and is given again when the threshold is reached again: nobody has been told. Decided under
    the period's lock, which whoever gives notices holds, so none is lost in between.
    """
    period = Period.objects.select_for_update(no_key=True).get(pk=notice.period_id)
    notice.period = Period.objects.select_related("subscription__user", "subscription__plan").get(pk=period.pk)
    if _is_reached(period, notice.limit, Notice.Kind(notice.kind)):
        return True
    Notice.objects.filter(pk=notice.pk).delete()
    return False


def _is_reached(period: Period, limit: str, kind: Notice.Kind) -> bool:
    """Say so only of what is limited: of a limit of nothing, all that is used was used before it was set."""
    most = getattr(period, f"{limit}_limit")
    used = getattr(period, f"{limit}_spent") + getattr(period, f"{limit}_held")
    return bool(getattr(period, f"{limit}_target")) and used * 100 >= most * PERCENT[kind]
