"""Short leases, renewed while somebody works: whoever is killed holds what he had no longer than one of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import structlog
from django.conf import settings
from django.db import Error, connection
from django.db.models import QuerySet

from generation import clock

log = structlog.get_logger(__name__)


def until(now: datetime) -> datetime:
    """Return when a lease taken now runs out."""
    return now + timedelta(seconds=settings.HAND_LEASE)


@contextmanager
def renewed(ours: QuerySet[Any], *, at_most: float) -> Iterator[None]:
    """Keep the lease of the row that `ours` finds alive while the block runs, but for `at_most` seconds."""
    done = Event()
    renewing = Thread(target=_renew, args=(ours, at_most, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def _renew(ours: QuerySet[Any], at_most: float, done: Event) -> None:
    """Renew until we are done, but no longer than the work can take: a process that hangs must let go.

    A database that is away for a moment costs one renewal: there are three more before the lease ends.
    """
    deadline = time.monotonic() + at_most
    try:
        while not done.wait(settings.HAND_LEASE / 4) and time.monotonic() < deadline:
            try:
                ours.update(lease_until=until(clock.now()))
            except Error:
                log.warning("lease not renewed; it is tried again", exc_info=True)
                connection.close()  # it may be broken
    finally:
        connection.close()  # this thread's own
