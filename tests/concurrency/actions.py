"""What races do, in a thread or process of its own: takes ids, returns text."""

import threading
from multiprocessing.synchronize import Barrier as ProcessBarrier
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, Period, User
from billing.money import Amount
from generation import services
from tests.make import ACTOR, make_spec

meeting: threading.Barrier | ProcessBarrier = threading.Barrier(1)
"""Where all who race wait for each other; the rig sets it."""


def create(user: int, token: str = "") -> str:
    """Make a job; return its id."""
    owner = User.objects.get(pk=user)
    return str(
        services.create(owner, make_spec(), by=ACTOR, terms=services.Terms(token=UUID(token) if token else None)).pk
    )


def settle(hold: int) -> str:
    """Settle a hold; return whether it was us."""
    return str(billing.settle(Hold.objects.get(pk=hold), now=timezone.now(), by=ACTOR))


def release(hold: int) -> str:
    """Release a hold; return whether it was us."""
    return str(billing.release(Hold.objects.get(pk=hold), now=timezone.now(), by=ACTOR))


def settle_or_release(hold: int, wanted: str) -> str:
    """Settle or release a hold; return what it was if it was us."""
    return wanted if (settle if wanted == "settle" else release)(hold) == "True" else "nothing"


def take_naively(period: int, limit: str, amount: int) -> str:
    """Do what others do: read, compare, and add afterwards, outside of a transaction. All compare before any adds."""
    left = Period.objects.get(pk=period).left(limit)
    fits = left is None or amount <= left
    meeting.wait()
    if not fits:
        return "refused"
    Period.objects.filter(pk=period).update(**{f"{limit}_held": F(f"{limit}_held") + amount})
    return "taken"


def take_naively_unchecked(period: int, limit: str, amount: int) -> str:
    """Do the same where no CHECK stands behind it; on PostgreSQL the test has dropped them."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
    return take_naively(period, limit, amount)


def take(period: int, limit: str, amount: int) -> str:
    """Take an amount of one limit as a hold does."""
    nothing: dict[str, Any] = {"spend": 0, "videos": 0, "seconds": 0}
    taken = billing.take(Period.objects.get(pk=period), Amount(**(nothing | {limit: amount})), timezone.now())
    return "taken" if taken else "refused"
