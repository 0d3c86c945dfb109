"""Short leases, renewed while somebody works: whoever is killed holds a job no longer than one of them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from threading import Event, Thread

from django.conf import settings
from django.db import connection

from generation import clock
from generation.models import JobQuerySet


def until(now: datetime) -> datetime:
    """Return when a lease taken now runs out."""
    return now + timedelta(seconds=settings.HAND_LEASE)


@contextmanager
def renewed(ours: JobQuerySet, *, at_most: float) -> Iterator[None]:
    """Keep the lease of the job that `ours` finds alive while the block runs, but for `at_most` seconds."""
    done = Event()
    renewing = Thread(target=_renew, args=(ours, at_most, done), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()


def _renew(ours: JobQuerySet, at_most: float, done: Event) -> None:
    """Renew until we are done, but no longer than the work can take: a process that hangs must let go."""
    deadline = time.monotonic() + at_most
    try:
        while not done.wait(settings.HAND_LEASE / 4) and time.monotonic() < deadline:
            ours.update(lease_until=until(clock.now()))
    finally:
        connection.close()  # this thread's own
