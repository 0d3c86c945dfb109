"""The queue as its user sees it: whose turn it is, what is waited for, and when a job will start, as far as known.

An estimate from what stands in the rows: when the user's own places get free, and where the provider account is full,
how fast the queue before this job drains under the rule of choosing.py. None where nobody can know: while the Gate is
closed, and where late jobs hold all the places. Six queries at most, whatever the number of jobs; nothing is written.
"""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from math import ceil
from uuid import UUID

from django.conf import settings
from django.db.models import Avg, Count, Q

from billing.models import Subscription
from generation.catalog import entry_of
from generation.models import Gate, Job, JobEvent, Status

_NEVER = datetime.max.replace(tzinfo=UTC)  # of an end that nobody knows
_OVERDUE = 0.25  # of its usual time is what an overdue prediction is taken to need still
_SOON = timedelta(seconds=5)

_Row = tuple[UUID, str, str, datetime | None, datetime | None, datetime | None, float]
_COLUMNS = ("pk", "status", "model", "due_at", "submitted_at", "submit_started_at", "expected_seconds")


class WaitsFor(StrEnum):
    """What a queued job waits for."""

    PROVIDER_CLOSED = "provider_closed"  # nothing is sent just now; it starts by itself once that is over
    YOUR_PLACES = "your_places"  # as many of yours run as the plan runs at a time
    PROVIDER = "provider"  # the provider's account is full


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a queued job stands among its user's. `starts_at` is None where nobody can know."""

    position: int
    starts_at: datetime | None
    waits_for: WaitsFor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A user's queue at one moment."""

    places: int
    queue: dict[UUID, Place]

    @classmethod
    def of(cls, user_id: int, now: datetime) -> "Line":
        """Look at a user's queue."""
        rows: list[_Row] = list(
            Job.objects.under_way().filter(user=user_id).order_by("created_at", "pk").values_list(*_COLUMNS)
        )
        queued = [row for row in rows if row[1] == Status.QUEUED]
        plan = Subscription.objects.filter(user=user_id).values_list("plan__jobs_at_a_time", "plan__priority").first()
        places, priority = plan or (1, 1)
        gate = Gate.objects.filter(pk=1).first()
        if gate and gate.closed_at:
            return cls(places=places, queue=_closed(queued))
        ends = [_end(row, now) for row in rows if row[1] != Status.QUEUED]
        provider = _Provider.of(gate, user_id, priority, now) if gate else None
        return cls(places=places, queue=_estimated(queued, _Slots(ends, places, now), provider, now))

    def place_of(self, job: Job) -> Place:
        """Return the place of a queued job; one that has left the queue meanwhile was its first."""
        return self.queue.get(job.pk) or Place(position=1, starts_at=None, waits_for=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """How full the provider's account is, and what others have waiting for it."""

    free: int
    a_second: float
    others: Sequence[tuple[int, float]]  # how many wait, and the weight of their user against ours

    @classmethod
    def of(cls, gate: Gate, user_id: int, priority: int, now: datetime) -> "_Provider | None":
        """Look at the account; None where there is room for all that wait."""
        counted = Job.objects.under_way().aggregate(
            flying=Count("pk", filter=_flying(now)),
            waiting=Count("pk", filter=Q(status=Status.QUEUED)),
            stuck=Count("pk", filter=_late(now)),
            seconds=Avg("expected_seconds", filter=Q(status=Status.RUNNING)),
        )
        places = gate.predictions_at_a_time
        if gate.narrowed_to is not None and gate.narrowed_until and gate.narrowed_until > now:
            places = min(places, gate.narrowed_to)
        sent = JobEvent.objects.fences(now - timedelta(minutes=1)).count()
        free = min(places - counted["flying"], gate.submissions_a_minute - sent)
        if counted["waiting"] <= free:
            return None
        others = (
            Job.objects.queued()
            .exclude(user=user_id)
            .order_by()
            .values("user")
            .annotate(many=Count("pk"))
            .values_list("many", "user__subscription__plan__priority")
        )
        # Nobody knows when a late job gives its place back: the queue drains through the others.
        draining = max(places - counted["stuck"], 0)
        drains = (gate.submissions_a_minute / 60, draining / (counted["seconds"] or _USUAL))
        return cls(
            free=max(free, 0),
            a_second=min(drains),
            others=[(many, (weight or 1) / priority) for many, weight in others],
        )

    def starts_at(self, position: int, now: datetime) -> datetime:
        """Return when a user's job at this position gets a place of the account, by turns with the others."""
        before = position - 1 + sum(min(many, ceil(position * weight)) for many, weight in self.others)
        if before < self.free:
            return now
        return now + timedelta(seconds=(before + 1 - self.free) / self.a_second) if self.a_second else _NEVER


_USUAL = 60.0  # seconds, where nothing runs that one could ask


class _Slots:
    """The user's own places, by the moment at which each gets free."""

    def __init__(self, ends: list[datetime], places: int, now: datetime) -> None:
        # After a change to a smaller plan more may run than there are places: those must end first.
        self._free_at = [now] * (places - len(ends)) + sorted(ends)[max(len(ends) - places, 0) :]
        heapq.heapify(self._free_at)

    def next(self) -> datetime:
        """Return when the next place gets free."""
        return self._free_at[0]

    def take(self, until: datetime) -> None:
        """Take that place."""
        heapq.heapreplace(self._free_at, until)


def _estimated(queued: list[_Row], slots: _Slots, provider: _Provider | None, now: datetime) -> dict[UUID, Place]:
    found: dict[UUID, Place] = {}
    for position, (pk, _, model, due_at, *_) in enumerate(queued, start=1):
        mine = slots.next()
        theirs = provider.starts_at(position, now) if provider else now
        starts_at = max(mine, theirs, due_at or now, now)
        slots.take(_NEVER if starts_at == _NEVER else starts_at + timedelta(seconds=_usual_seconds(model)))
        waits = None
        if starts_at > now + _SOON:
            waits = WaitsFor.YOUR_PLACES if mine >= theirs else WaitsFor.PROVIDER
        found[pk] = Place(
            position=position, starts_at=None if starts_at == _NEVER else _whole(starts_at), waits_for=waits
        )
    return found


def _whole(moment: datetime) -> datetime:
    """Return the next whole second: a guess is no finer."""
    return moment + timedelta(microseconds=-moment.microsecond % 1_000_000)


def _closed(queued: list[_Row]) -> dict[UUID, Place]:
    return {
        row[0]: Place(position=position, starts_at=None, waits_for=WaitsFor.PROVIDER_CLOSED)
        for position, row in enumerate(queued, start=1)
    }


def _end(row: _Row, now: datetime) -> datetime:
    """Return when a job gives its place back, as far as one can tell."""
    _, status, model, _, submitted_at, sent_at, expected = row
    began, limit = submitted_at or sent_at or now, timedelta(seconds=settings.TIME_LIMIT)
    if status == Status.COLLECTING or (status == Status.UNKNOWN and now - began > limit):
        return now  # it takes no place any more
    if status == Status.UNKNOWN:
        return began + limit
    if now - began > limit:
        return _NEVER
    usual = expected or _usual_seconds(model)
    return max(began + timedelta(seconds=usual), now + timedelta(seconds=usual * _OVERDUE))


def _usual_seconds(model: str) -> float:
    return float(settings.SANDBOX_SECONDS if settings.SANDBOX else entry_of(model).usual_seconds)


def _late(now: datetime) -> Q:
    """Return what takes a place at the provider and should have ended."""
    long_ago = now - timedelta(seconds=settings.TIME_LIMIT)
    return Q(status=Status.RUNNING, submitted_at__lte=long_ago)


def _flying(now: datetime) -> Q:
    """Return what takes a place at the provider but is not in anybody's queue any more."""
    young = now - timedelta(seconds=settings.TIME_LIMIT)
    return Q(status__in=[Status.SUBMITTING, Status.RUNNING]) | Q(status=Status.UNKNOWN, submit_started_at__gt=young)
