"""What tests of money arrange with, beside tests.make."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from django.utils import timezone

from billing import services as billing
from billing.models import Hold, Period, Price, User
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


def make_hold(user: User, amount: Amount | None = None, *, now: datetime | None = None) -> Hold:
    """Hold an amount of the user's, for no job."""
    return billing.hold(
        user=user,
        reference=uuid4(),
        price=Price.objects.order_by("pk").first() or make_price(),
        amount=amount or make_amount(),
        now=now or timezone.now(),
        by=ACTOR,
    )


def make_used(user: User, used: Amount, *, now: datetime | None = None) -> Hold:
    """Spend an amount of the user's."""
    held = make_hold(user, used, now=now)
    billing.settle(held, now=now or timezone.now(), by=ACTOR)
    return held


def counters(period: Period) -> dict[str, tuple[int, int]]:
    """Return what the row says is spent and held of each limit."""
    period.refresh_from_db()
    return {limit: (getattr(period, f"{limit}_spent"), getattr(period, f"{limit}_held")) for limit in LIMITS}
