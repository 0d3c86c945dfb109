"""Find what nobody works on any more and set it going again. Leases tell; nothing here sends anything."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from billing.services import Actor
from generation import clock
from generation.models import Job, Status
from generation.services import leases
from generation.services.attaching import lose_sight
from generation.services.collecting import COLLECT_CLUSTER, hand_to_collectors
from generation.services.hinting import HINT_WAITS, any_waits
from generation.services.polling import mark_late
from generation.services.sparing import spare
from generation.services.transitions import cancel_queued, locked, tell

_SWEEPER = Actor(name="watcher")
_AGAIN = "hand a job to a worker again"


def sweep() -> int:
    """Repair every job whose lease has run out, and return how many there were.

    A queued job needs no repair: once its lease is over, it is simply dispatchable again. Running jobs are asked
    about whenever they are due, whoever claimed them before. What takes long to be saved is late, and needs no repair.
    """
    _late()
    return _unanswered() + _uncollected() + _ownerless()


def _unanswered() -> int:
    """Whoever was to hear the answer of the POST is gone: whether it was sent, nobody knows."""
    now = clock.now()
    late = Job.objects.filter(status=Status.SUBMITTING, lease_until__lte=now)
    return _each("mark a job as unknown", late, lambda job: _lose_sight(job, now))


@transaction.atomic
def _lose_sight(job: Job, now: datetime) -> bool:
    current = locked(job.pk, Status.SUBMITTING)
    if current is None or current.lease_until is None or current.lease_until > now:
        return False  # it has come back and been sent anew since we looked
    note = "Whoever sent it did not come back: nobody knows whether WaveSpeed took it."
    return lose_sight(current, now=now, by=_SWEEPER, note=note)


def _late() -> None:
    """Mark what is saved for too long; polling does it with what runs."""
    now = clock.now()
    limit = now - timedelta(seconds=settings.TIME_LIMIT)
    late = Job.objects.filter(status=Status.COLLECTING, late_at__isnull=True, submitted_at__lt=limit)
    _each("mark a job as late", late, lambda job: mark_late(job, now))


def _uncollected() -> int:
    now = clock.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    waiting = list(Job.objects.filter(free, Q(due_at__isnull=True) | Q(due_at__lte=now), status=Status.COLLECTING))
    told = {job.pk for job in waiting if job.handed_at and now - job.handed_at < HINT_WAITS}
    if not told or not any_waits(COLLECT_CLUSTER):
        return _each(_AGAIN, waiting, lambda job: _hand_again(job, now))
    # All collectors are busy, and hints wait: those of these jobs are among them.
    untaken = Job.objects.filter(free, pk__in=told, handed_at__isnull=False)
    untaken.update(lease_until=leases.until(now))
    return _each(_AGAIN, (job for job in waiting if job.pk not in told), lambda job: _hand_again(job, now))


@transaction.atomic
def _hand_again(job: Job, now: datetime) -> bool:
    if not hand_to_collectors(job, now):
        return False  # another watcher was faster, or a worker has taken it after all
    tell(job, now=now, by=_SWEEPER, note="Handed to a worker again.")
    return True


def _ownerless() -> int:
    """Cancel what waits for a user who was deactivated; what was sent goes on."""
    now = clock.now()
    waiting = Job.objects.queued().filter(user__is_active=False)
    note = "The account was closed."
    return _each("cancel a job", waiting, lambda job: cancel_queued(job, now=now, by=_SWEEPER, note=note))


def _each(what: str, jobs: Iterable[Job], repair: Callable[[Job], object]) -> int:
    """Repair each, whatever comes of the others, and return how many were."""
    repaired = 0

    def count(job: Job) -> None:
        nonlocal repaired
        repaired += bool(repair(job))

    for job in jobs:
        spare(what, partial(count, job), of=f"job {job.pk}")
    return repaired
