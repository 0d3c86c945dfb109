"""Extra dollars, videos or seconds for one period, and their end."""

from datetime import datetime

from django.db import transaction
from django.db.models import Case, F, Min, Value, When
from django.db.models.expressions import Combinable

from billing.models import Grant, Period, User
from billing.money import LIMITS, Amount
from billing.services.checking import check_granted, check_reason
from billing.services.errors import Actor, InvalidValue
from billing.services.looking import subscription_of
from billing.services.noticing import note_thresholds
from billing.services.opening import opened_period
from billing.services.stopping import stopping
from billing.services.writing import write_of_period


@transaction.atomic
def grant(
    user: User, amount: Amount, *, reason: str, now: datetime, by: Actor, expires_at: datetime | None = None
) -> Grant:
    """Add to the limits of the user's current period. InvalidValue for less than nothing, nothing or no reason.

    An unlimited limit stays unlimited; the line is written all the same. A grant ends with its period at the latest, so
    InvalidValue, too, for an end that is over, or no sooner than the period's.
    """
    check_granted(amount)
    check_reason(reason)
    if expires_at and expires_at <= now:
        raise InvalidValue("expires_at", expires_at, "a moment to come, or none")
    period = opened_period(subscription_of(user, now), now, by)
    if expires_at and expires_at >= period.ends_at:
        raise InvalidValue("expires_at", expires_at, f"before {period.ends_at}, when the period ends, or none")
    return grant_in(period, amount, reason=reason, now=now, by=by, until=expires_at)


def grant_in(
    period: Period, amount: Amount, *, reason: str, now: datetime, by: Actor, until: datetime | None = None
) -> Grant:
    """Add to the limits of a period, in the caller's transaction."""
    given = Grant.objects.create(
        period=period,
        spend=amount.spend,
        videos=amount.videos,
        seconds=amount.seconds,
        reason=reason,
        granted_by=by.name,
        granted_at=now,
        expires_at=until,
    )
    _add(period, amount)
    if until:
        sooner = Case(
            When(grant_expires_at__isnull=False, grant_expires_at__lt=until, then=F("grant_expires_at")),
            default=Value(until),
        )
        Period.objects.filter(pk=period.pk).update(grant_expires_at=sooner)
    write_of_period(period, amount, now=now, by=by, reason=reason, grant=given)
    return given


@transaction.atomic
def expire_grants(period: Period, now: datetime) -> int:
    """End the period's grants whose time is over, and return how many.

    All of a grant goes, in whatever order others come or go; the limit stops at what is spent and held, and sinks with
    it.
    """
    # No key: what is locked for a change of its key holds up every line that names it, which others write at commit.
    locked = Period.objects.select_for_update(no_key=True).get(pk=period.pk)
    if locked.grant_expires_at is None or locked.grant_expires_at > now:
        return 0
    over = list(locked.grants.filter(expires_at__lte=now, expired_at__isnull=True).order_by("expires_at", "pk"))
    for each in over:
        Grant.objects.filter(pk=each.pk).update(expired_at=now)
        _add(locked, -each.amount)
        write_of_period(locked, -each.amount, now=now, by=Actor(name="watcher"), reason="Its time is over.", grant=each)
    earliest = locked.grants.filter(expired_at__isnull=True).aggregate(first=Min("expires_at"))["first"]
    Period.objects.filter(pk=locked.pk).update(grant_expires_at=earliest)
    locked.refresh_from_db()
    note_thresholds(locked, now)
    return len(over)


def with_grants_over(now: datetime) -> list[Period]:
    """Return periods with grants to be ended, so that the limits that users see are true.

    The latest come first: what can't be ended for some reason keeps no other waiting.
    """
    return list(Period.objects.filter(grant_expires_at__lte=now).order_by("-grant_expires_at", "pk")[:100])


def _add(period: Period, amount: Amount) -> None:
    """Add to targets and grants, and let the limits follow; NULL + anything is NULL, which is unlimited."""
    sums: dict[str, Combinable] = {}
    for limit in LIMITS:
        more = getattr(amount, limit)
        sums |= {f"{limit}_{column}": F(f"{limit}_{column}") + more for column in ("target", "granted")}
        sums[f"{limit}_limit"] = stopping(limit, more_granted=more)
    Period.objects.filter(pk=period.pk).update(**sums)
