"""What races do, in a thread or process of its own: takes ids, returns text."""

import threading
from datetime import datetime
from multiprocessing.synchronize import Barrier as ProcessBarrier
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from billing import services as billing
from billing.models import ApiKey, Hold, Period, User
from billing.money import Amount
from generation import clock, services
from generation.models import Gate, Job, Status
from generation.services import dispatching
from generation.services.provider import wavespeed
from tests.billing.make import make_amount, make_hold
from tests.hooks import TOKEN, letter
from tests.make import ACTOR, make_spec

meeting: threading.Barrier | ProcessBarrier = threading.Barrier(1)
"""Where all who race wait for each other; the rig sets it."""


# --- doors: whatever makes a job --------------------------------------------------------------------------------------


def create(user: int, token: str = "") -> str:
    """Make a job; return its id."""
    owner = User.objects.get(pk=user)
    return str(
        services.create(owner, make_spec(), by=ACTOR, terms=services.Terms(token=UUID(token) if token else None)).pk
    )


# --- webhooks ---------------------------------------------------------------------------------------------------------


def heed_webhook(job: str, prediction: str, url: str) -> str:
    """Take the webhook, attach what it names, ask what came of it and collect it; return whether it was believed."""
    if url != settings.WAVESPEED_URL:  # in threads the test itself has said so
        settings.WAVESPEED_URL = url
    sent = letter(prediction)
    headers = {f"webhook-{name}": sent[name] for name in ("id", "timestamp", "signature")}
    believed = services.hear(UUID(job), TOKEN, headers, sent["body"].encode())
    services.attach_shown(UUID(job))
    services.polled(UUID(job), wavespeed().result(prediction))
    services.collect(UUID(job))
    return str(believed)


def attach_naively(job: str, prediction: str) -> str:
    """Do what others do with a webhook: look at the status, and write. All look before any writes."""
    found = Job.objects.get(pk=job)
    meeting.wait()
    if found.status != Status.UNKNOWN:
        return "nothing"
    Job.objects.filter(pk=job).update(status=Status.RUNNING, prediction_id=prediction)
    return "attached"


# --- the Gate ---------------------------------------------------------------------------------------------------------


def dispatch() -> str:
    """Hand over what may go; return how many."""
    return str(services.dispatch())


def dispatch_counting_before_the_lock() -> str:
    """Do the same with the places that were free before anybody had handed over anything."""
    now = clock.now()
    room = dispatching._room(Gate.objects.get(), now)
    meeting.wait()
    with transaction.atomic():
        Gate.objects.select_for_update().get()
        chosen = dispatching._chosen(room, now)
        dispatching._hand(chosen, now)
    return str(len(chosen))


# --- money ------------------------------------------------------------------------------------------------------------


def hold(user: int, key: str = "", at: str = "") -> str:
    """Hold ten micro-dollars, one video and six seconds, with a key and at another moment where they are given."""
    api_key = ApiKey.objects.get(pk=key) if key else None
    now = datetime.fromisoformat(at) if at else timezone.now()
    make_hold(User.objects.get(pk=user), make_amount(spend=10), now=now, api_key=api_key)
    return "held"


def hold_under_a_ceiling(user: int, ceiling: int) -> str:
    """Hold the same where all of Free may cost so much a day; in threads the test itself has said so."""
    if ceiling != settings.FREE_DAILY_CEILING:
        settings.FREE_DAILY_CEILING = ceiling
    return hold(user)


def adjust(user: int) -> str:
    """Add what such a hold takes to what is spent."""
    try:
        billing.adjust(User.objects.get(pk=user), make_amount(spend=10), reason="x", now=timezone.now(), by=ACTOR)
    except billing.CantAdjust:
        return "CantAdjust"
    return "adjusted"


def hold_or_adjust(user: int, wanted: str) -> str:
    """Do one of the two."""
    return hold(user) if wanted == "hold" else adjust(user)


def refund(hold: int, at: str) -> str:
    """Refund a hold; return whether it was us."""
    now = datetime.fromisoformat(at)
    return str(billing.refund(Hold.objects.get(pk=hold), reason="x", now=now, by=ACTOR))


def expire(period: int, at: str) -> str:
    """End grants; return how many."""
    return str(billing.expire_grants(Period.objects.get(pk=period), datetime.fromisoformat(at)))


def settle(hold: int) -> str:
    """Settle a hold; return whether it was us."""
    return str(billing.settle(Hold.objects.get(pk=hold), now=timezone.now(), by=ACTOR))


def release(hold: int) -> str:
    """Release a hold; return whether it was us."""
    return str(billing.release(Hold.objects.get(pk=hold), now=timezone.now(), by=ACTOR))


def release_or_hold(wanted: str, row: int) -> str:
    """Release a hold, or hold ten micro-dollars of a user's."""
    return release(row) if wanted == "release" else hold(row)


def answer(about: str, seen: str) -> str:
    """Answer a dialog; return whether it was taken."""
    return str(billing.take_answer(about, seen, now=timezone.now()))


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
    _uncheck()
    return take_naively(period, limit, amount)


def take(period: int, limit: str, amount: int) -> str:
    """Take an amount of one limit as a hold does."""
    nothing: dict[str, Any] = {"spend": 0, "videos": 0, "seconds": 0}
    taken = billing.take(Period.objects.get(pk=period), Amount(**(nothing | {limit: amount})), timezone.now())
    return "taken" if taken else "refused"


def take_naively_of_key(key: str, amount: int) -> str:
    """Do with the cap of a key what others do."""
    left = ApiKey.objects.get(pk=key).left
    meeting.wait()
    if left is not None and amount > left:
        return "refused"
    ApiKey.objects.filter(pk=key).update(spend_held=F("spend_held") + amount)
    return "taken"


def take_naively_of_key_unchecked(key: str, amount: int) -> str:
    """Do the same where no CHECK stands behind it."""
    _uncheck()
    return take_naively_of_key(key, amount)


def _uncheck() -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
