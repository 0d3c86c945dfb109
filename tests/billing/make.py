"""What tests of money arrange with, beside tests.make."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from billing import services as billing
from billing.models import (
    ApiKey,
    FreeDay,
    Grant,
    Hold,
    LedgerEntry,
    LimitsEntry,
    Notice,
    Override,
    Period,
    Price,
    Subscription,
    User,
)
from billing.money import LIMITS, Amount
from tests.make import ACTOR

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def make_price(micros_per_second: int = 60_000, **fields: Any) -> Price:
    """Make a price of a model of its own, which began long ago."""
    wanted = {"model": f"maker/{uuid4().hex[:8]}", "starts_at": LONG_AGO, **fields}
    return Price.objects.create(micros_per_second=micros_per_second, **wanted)


def make_amount(spend: int = 500_000, videos: int = 1, seconds: int = 6) -> Amount:
    """Make an amount; spend in micro-dollars."""
    return Amount(spend=spend, videos=videos, seconds=seconds)


def make_hold(
    user: User, amount: Amount | None = None, *, now: datetime | None = None, api_key: ApiKey | None = None
) -> Hold:
    """Hold an amount of the user's, for no job."""
    return billing.hold(
        user=user,
        reference=uuid4(),
        price=Price.objects.order_by("pk").first() or make_price(),
        amount=amount or make_amount(),
        now=now or timezone.now(),
        by=ACTOR,
        api_key=api_key,
    )


def make_used(user: User, used: Amount, *, now: datetime | None = None, api_key: ApiKey | None = None) -> Hold:
    """Spend an amount of the user's."""
    held = make_hold(user, used, now=now, api_key=api_key)
    billing.settle(held, now=now or timezone.now(), by=ACTOR)
    return held


def make_capped_key(user: User, limit: int | None) -> ApiKey:
    """Make a key whose jobs may cost so many micro-dollars in all."""
    return billing.create_api_key(user, "capped", spend_limit=limit)[0]


def limits(period: Period) -> tuple[int | None, int | None, int | None]:
    """Return what the row says is allowed of spend, videos and seconds."""
    period.refresh_from_db()
    return period.spend_limit, period.videos_limit, period.seconds_limit


def everything() -> list[list[dict[str, Any]]]:
    """Return every row that money may stand in, as it is."""
    tables = (Subscription, Override, Period, LimitsEntry, Grant, Hold, LedgerEntry, ApiKey, FreeDay, Notice)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def counters(period: Period) -> dict[str, tuple[int, int]]:
    """Return what the row says is spent and held of each limit."""
    period.refresh_from_db()
    return {limit: (getattr(period, f"{limit}_spent"), getattr(period, f"{limit}_held")) for limit in LIMITS}
