"""Which queued jobs a worker may take now: as many as the provider account and their users' plans allow."""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber

from billing.models import Subscription
from billing.services import Actor
from generation import clock
from generation.models import Gate, Job, JobEvent, Status, Turn
from generation.services import leases
from generation.services.choosing import Standing, in_turn
from generation.services.gating import the_gate
from generation.services.hinting import any_waits, hint_at
from generation.services.transitions import tell_all

SUBMIT_CLUSTER = "clapboard"
_MEDIA_CLUSTER = "collect"  # its workers have the time that an upload takes
WITH_MEDIA = Q(source_job__isnull=False) | Q(upload__isnull=False)
_DISPATCHER = Actor(name="watcher")
# Of submitters. Few hints wait, so who is next is decided late, and no lease runs out in the line; but it is
# filled up from time to time only, since the whole queue is looked through for it.
_MOST_UNTAKEN, _ENOUGH_UNTAKEN = 100, 50
_HINT_WAITS = 3  # leases, behind others; then it is thought lost
_MOST_TRIES = 10  # to find jobs that nobody else has locked, and whose cluster has not enough in hand


def dispatch() -> int:
    """Hand queued jobs to workers and return how many. The hint commits with the row that it speaks of."""
    now = clock.now()
    if not Job.objects.dispatchable(now).exists():
        return 0
    the_gate()
    with transaction.atomic():
        # Under this lock nobody else counts places or gives them away.
        gate = Gate.objects.select_for_update().get(pk=1)
        if gate.closed_at:
            return 0
        handed = _hand_out(gate, now)
        turns = [Turn(user_id=user, at=now) for user in {job.user_id for job in handed}]
        Turn.objects.bulk_create(turns, update_conflicts=True, unique_fields=["user"], update_fields=["at"])
    return len(handed)


def _hand_out(gate: Gate, now: datetime) -> list[Job]:
    """Hand over as many as there is room for.

    For whom somebody else has locked, and for whose cluster has enough in hand then, comes who is next.
    """
    handed: list[Job] = []
    passed_over: set[UUID] = set()
    for _ in range(_MOST_TRIES):
        room = _room(gate, now)
        chosen = _chosen(room, now, passed_over)
        fitting = _fitting(chosen, room)
        ours = _hand(fitting, now)
        handed += ours
        if len(ours) == len(chosen):
            break
        passed_over |= {job.pk for job in fitting} - {job.pk for job in ours}
    return handed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Room:
    """How many may be handed over now, and how many of them to each cluster whose workers have not enough in hand."""

    jobs: int
    free: Mapping[str, int]


def _room(gate: Gate, now: datetime) -> _Room:
    handed = Q(status=Status.QUEUED)
    untaken = handed & Q(taken_at__isnull=True)
    counted: dict[str, int] = (
        Job.objects.in_flight(now)
        .order_by()
        .aggregate(
            all=Count("pk"),
            handed=Count("pk", filter=handed),
            with_media=Count("pk", filter=untaken & WITH_MEDIA),
            without=Count("pk", filter=untaken & ~WITH_MEDIA),
        )
    )
    # In this order a job that is fenced between the two is counted twice; in the other it would be in neither.
    sent = counted["handed"] + JobEvent.objects.fences(now - timedelta(minutes=1)).count()
    places = gate.predictions_at_a_time
    if gate.narrowed_to is not None and gate.narrowed_until and gate.narrowed_until > now:
        places = min(places, gate.narrowed_to)
    free = {}
    if counted["without"] < _ENOUGH_UNTAKEN:
        free[SUBMIT_CLUSTER] = _MOST_UNTAKEN - counted["without"]
    # Those few take as long as an upload does, and whatever waits for them has a place that others could use.
    if counted["with_media"] < settings.COLLECT_WORKERS:
        free[_MEDIA_CLUSTER] = max(2 * settings.COLLECT_WORKERS, 2) - counted["with_media"]
    jobs = min(places - counted["all"], gate.submissions_a_minute - sent, sum(free.values()))
    return _Room(jobs=jobs, free=free)


def _chosen(room: _Room, now: datetime, passed_over: Collection[UUID] = ()) -> list[Job]:
    """Return up to as many jobs as there is room for, in the order that choosing.py sets down."""
    if room.jobs <= 0:
        return []
    waiting = _waiting(room, now, passed_over)
    return in_turn(waiting, _standings(waiting, now), room.jobs, now)


def _fitting(jobs: list[Job], room: _Room) -> list[Job]:
    """Return those for whom there is room in their own cluster."""
    left = dict(room.free)
    fitting = []
    for job in jobs:
        if left[_cluster(job)]:
            left[_cluster(job)] -= 1
            fitting.append(job)
    return fitting


def _standings(users: Iterable[int], now: datetime) -> dict[int, Standing]:
    """Return what each of these users has in flight, may have, and when they last had a turn."""
    users = list(users)
    in_flight = Job.objects.in_flight(now).filter(user__in=users).order_by()
    busy = dict(in_flight.values_list("user_id").annotate(Count("pk")))
    served = dict(Turn.objects.filter(user__in=users).values_list("user_id", "at"))
    plans = Subscription.objects.filter(user__in=users).values_list("user_id", "plan__jobs_at_a_time", "plan__priority")
    return {
        user: Standing(in_flight=busy.get(user, 0), places=places, priority=priority, served_at=served.get(user))
        for user, places, priority in plans
    }


def _waiting(room: _Room, now: datetime, passed_over: Collection[UUID]) -> dict[int, deque[Job]]:
    """Return each waiting user's oldest jobs: behind one user's 500 stands the next user's first.

    What workers would have to do that have enough in hand is passed over, so that uploads that take long keep up no
    job that needs none.
    """
    rank = Window(RowNumber(), partition_by=F("user"), order_by=[F("created_at"), F("pk")])
    waiting: dict[int, deque[Job]] = defaultdict(deque)
    takable = Job.objects.dispatchable(now).exclude(pk__in=passed_over)
    if _MEDIA_CLUSTER not in room.free:
        takable = takable.exclude(WITH_MEDIA)
    if SUBMIT_CLUSTER not in room.free:
        takable = takable.filter(WITH_MEDIA)
    ranked = takable.annotate(rank=rank).filter(rank__lte=room.jobs)
    for job in ranked.only(
        "status", "user_id", "created_at", "request_id", "source_job_id", "upload_id", "handed_at", "taken_at"
    ):
        waiting[job.user_id].append(job)
    return waiting


def _hand(jobs: list[Job], now: datetime) -> list[Job]:
    """Write down that they are handed over, and tell the workers, each with one statement for all of them.

    Returns who was. An owner may have canceled one since we looked: his row, his decision. Whoever has a row locked may
    take his time, and all wait for us: his job stays in the line.
    """
    free = Job.objects.select_for_update(of=("self",), skip_locked=True)
    queued = free.filter(pk__in=[job.pk for job in jobs], status=Status.QUEUED)
    still = set(queued.order_by("pk").values_list("pk", flat=True))
    handed = [job for job in jobs if job.pk in still]
    told = _told(handed, now)
    Job.objects.filter(pk__in=told).update(lease_until=leases.until(now))
    untold = [job for job in handed if job.pk not in told]
    at_hand = {"handed_at": now, "lease_until": leases.until(now), "taken_at": None}
    Job.objects.filter(pk__in=[job.pk for job in untold]).update(**at_hand)
    tell_all(untold, now=now, by=_DISPATCHER, note="Handed to a worker.")
    for cluster in (_MEDIA_CLUSTER, SUBMIT_CLUSTER):
        hint_at("generation.tasks.submit", [job.pk for job in untold if _cluster(job) == cluster], cluster=cluster)
    return handed


def _told(jobs: list[Job], now: datetime) -> set[UUID]:
    """Return those whose hints still wait, for all that is known: all workers are busy, or away for a while.

    Another hint for each of them every minute would make a pile that workers go through in vain. But one's own may be
    gone, with a worker whose look at the database failed: after a few leases it is thought lost. Few are handed over at
    a time, so that this makes a hundred stale hints each time, and none for the rest of the queue.
    """
    waits_for = _HINT_WAITS * (leases.until(now) - now)
    untaken = [job for job in jobs if job.handed_at and not job.taken_at and now - job.handed_at < waits_for]
    waits = {cluster: any_waits(cluster) for cluster in {_cluster(job) for job in untaken}}
    return {job.pk for job in untaken if waits[_cluster(job)]}


def _cluster(job: Job) -> str:
    return _MEDIA_CLUSTER if job.source_job_id or job.upload_id else SUBMIT_CLUSTER
