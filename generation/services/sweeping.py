"""Find what nobody works on any more and set it going again. Leases tell; nothing here sends anything."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from time import monotonic
from uuid import UUID

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Q

from billing.services import Actor
from generation import clock
from generation.models import Job, JobQuerySet, Status
from generation.services import leases
from generation.services.attaching import lose_sight
from generation.services.collecting import COLLECT_CLUSTER, hand_to_collectors
from generation.services.hinting import HINT_WAITS, any_waits
from generation.services.polling import mark_late
from generation.services.sparing import spare
from generation.services.transitions import cancel_queued, locked, tell

_SWEEPER = Actor(name="watcher")
_AT_A_TIME = 200  # rows that are loaded
_LOCK = "1s"  # that a lock may take: dispatch and signs of life wait meanwhile
_PASSED_OVER = 30.0  # seconds in which no row is waited for of an owner of whom somebody holds one
# All that repairing takes. A prompt may be long.
_LOADED = ("status", "user_id", "hold_id", "request_id", "prediction_id", "handed_at", "late_at")


def sweep() -> int:
    """Repair every job whose lease has run out, and return how many there were.

    A queued job needs no repair: once its lease is over, it is simply dispatchable again. Running jobs are asked
    about whenever they are due, whoever claimed them before. What takes long to be saved is late, and needs no repair.
    """
    return Sweep().turn(seconds=inf)


@dataclass(slots=True, kw_only=True)
class _Kind:
    """Rows that need the same repair, by owners, and which of them was looked at last."""

    what: str
    found: Callable[[datetime], JobQuerySet]
    repair: Callable[[Job, datetime], object]
    unrepaired: Callable[[list[Job], datetime], list[Job]] = lambda jobs, now: jobs
    after: tuple[int, UUID] | None = None

    def some(self, now: datetime, passed_over: Iterable[int]) -> list[Job]:
        """Return the next ones, but for those of some owners."""
        jobs = self.found(now).exclude(user__in=list(passed_over)).order_by("user_id", "pk").only(*_LOADED)
        if self.after:
            user, pk = self.after
            jobs = jobs.filter(Q(user__gt=user) | Q(user=user, pk__gt=pk))
        return list(jobs[:_AT_A_TIME])


class Sweep:
    """Sweeps some at a time: what is left is another turn's, since everything else in the watcher's turn waits for it.

    Each turn begins with another kind of rows, and goes on where that kind stopped, so that no pile keeps others from
    their repair. Of whose row somebody holds, no other row is waited for within a while.
    """

    def __init__(self) -> None:
        self._kinds = deque(
            (
                _Kind(what="cancel a job", found=_ownerless, repair=_cancel),
                _Kind(what="mark a job as late", found=_late, repair=mark_late),
                _Kind(what="mark a job as unknown", found=_unanswered, repair=_lose_sight),
                _Kind(what="hand a job to a worker again", found=_uncollected, repair=_hand_again, unrepaired=_untold),
            )
        )
        self._passed_over: dict[int, float] = {}  # owners, and until when

    def turn(self, *, seconds: float) -> int:
        """Repair for about so long, and return how many were."""
        began = monotonic()
        self._passed_over = {owner: until for owner, until in self._passed_over.items() if until > began}
        self._kinds.rotate(-1)
        repaired = 0
        with _short_of_patience():
            for kind in self._kinds:
                repaired += self._go_through(kind, began + seconds)
                if monotonic() >= began + seconds:
                    break
        return repaired

    def _go_through(self, kind: _Kind, until: float) -> int:
        repaired, now = 0, clock.now()
        while jobs := kind.some(now, self._passed_over):
            for job in kind.unrepaired(jobs, now):
                if job.user_id not in self._passed_over:
                    repaired += self._repair(kind, job, now)
                kind.after = job.user_id, job.pk
                if monotonic() >= until:
                    return repaired
            kind.after = jobs[-1].user_id, jobs[-1].pk
            if monotonic() >= until:
                return repaired
            now = clock.now()
        kind.after = None
        return repaired

    def _repair(self, kind: _Kind, job: Job, now: datetime) -> bool:
        repaired = False

        def step() -> None:
            nonlocal repaired
            try:
                repaired = bool(kind.repair(job, now))
            except OperationalError:
                self._passed_over[job.user_id] = monotonic() + _PASSED_OVER
                raise

        spare(kind.what, step, of=f"job {job.pk}")
        return repaired


@contextmanager
def _short_of_patience() -> Iterator[None]:
    """Wait for no lock for long."""
    if connection.vendor != "postgresql":
        yield
        return
    usual = _set_lock_timeout(_LOCK)
    try:
        yield
    finally:
        _set_lock_timeout(usual)


def _set_lock_timeout(to: str) -> str:
    """Return what it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('lock_timeout'), set_config('lock_timeout', %s, false)", [to])
        usual: str = cursor.fetchone()[0]
    return usual


def _unanswered(now: datetime) -> JobQuerySet:
    """Whoever was to hear the answer of the POST is gone: whether it was sent, nobody knows."""
    return Job.objects.under_way().filter(status=Status.SUBMITTING, lease_until__lte=now)


@transaction.atomic
def _lose_sight(job: Job, now: datetime) -> bool:
    current = locked(job.pk, Status.SUBMITTING)
    if current is None or current.lease_until is None or current.lease_until > now:
        return False  # it has come back and been sent anew since we looked
    note = "Whoever sent it did not come back: nobody knows whether WaveSpeed took it."
    return lose_sight(current, now=now, by=_SWEEPER, note=note)


def _late(now: datetime) -> JobQuerySet:
    """What is saved for too long; polling sees to what runs."""
    limit = now - timedelta(seconds=settings.TIME_LIMIT)
    return Job.objects.under_way().filter(status=Status.COLLECTING, late_at__isnull=True, submitted_at__lt=limit)


def _uncollected(now: datetime) -> JobQuerySet:
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    due = Q(due_at__isnull=True) | Q(due_at__lte=now)
    return Job.objects.under_way().filter(free, due, status=Status.COLLECTING)


def _untold(waiting: list[Job], now: datetime) -> list[Job]:
    """Return those of which workers are to be told again.

    Where all collectors are busy, and hints wait, those of the others are among them.
    """
    told = {job.pk for job in waiting if job.handed_at and now - job.handed_at < HINT_WAITS}
    if not told or not any_waits(COLLECT_CLUSTER):
        return waiting
    with transaction.atomic():
        untaken = _uncollected(now).filter(pk__in=told, handed_at__isnull=False)
        ours = untaken.select_for_update(of=("self",), skip_locked=True).values_list("pk", flat=True)
        Job.objects.filter(pk__in=list(ours)).update(lease_until=leases.until(now))
    return [job for job in waiting if job.pk not in told]


@transaction.atomic
def _hand_again(job: Job, now: datetime) -> bool:
    if not hand_to_collectors(job, now):
        return False  # another watcher was faster, or a worker has taken it after all
    tell(job, now=now, by=_SWEEPER, note="Handed to a worker again.")
    return True


def _ownerless(now: datetime) -> JobQuerySet:
    """What waits for a user who was deactivated; what was sent goes on."""
    return Job.objects.under_way().filter(status=Status.QUEUED, user__is_active=False)


def _cancel(job: Job, now: datetime) -> bool:
    return cancel_queued(job, now=now, by=_SWEEPER, note="The account was closed.")
