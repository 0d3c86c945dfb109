"""One paid submission per job: the fence, one POST, and what its answer means. See states.md for each row."""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction

from billing.services import Actor
from generation import clock
from generation.catalog import UnknownModel
from generation.models import Job, Status
from generation.providers.errors import (
    Ambiguous,
    NotSent,
    ProviderError,
    RateLimited,
    RefusedForAccount,
    RefusedForJob,
)
from generation.services import wording
from generation.services.dispatching import close_gate, the_gate
from generation.services.provider import wavespeed
from generation.services.transitions import fail, locked, log, move

_USUAL = 60.0  # seconds, where nobody knows
_ENOUGH = 5  # videos, for their median to say more than the catalogue
_PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between two tries to write an answer down
_MARGIN = 15  # seconds that the fence's lease outlives the longest possible POST


def submit(job_id: UUID) -> None:
    """Send a handed job to the provider, once and never again. Does nothing for a job that somebody else has."""
    provider = wavespeed()
    job = _fence(job_id, timedelta(seconds=provider.submit_bound + _MARGIN))
    if job is None:
        return
    try:
        prediction = provider.submit(job.model, {"prompt": job.prompt, **job.parameters})
    except ProviderError as error:
        # Bound to another name, since `error` is gone behind this block.
        refusal = error
        log.warning("not submitted", job_id=str(job.pk), prediction_id=error.prediction_id, error=str(error))
        _insist(lambda: _write_down(job, refusal))
    else:
        log.info("submitted", job_id=str(job.pk), prediction_id=prediction.id)
        _insist(lambda: _attach(job, prediction.id))


def _write_down(job: Job, error: ProviderError) -> None:
    """Do what the error asks for, row by row of states.md. Done twice, it is done once."""
    match error:
        case RefusedForJob():
            _refused(job, error)
        case RefusedForAccount():
            _refused_for_account(job, error)
        case NotSent() | RateLimited():
            _not_taken(job, error)
        case ProviderError(prediction_id=str(prediction_id)):
            _attach(job, prediction_id)
        case _:
            _lost_sight(job, error)


def _insist(write: Callable[[], None]) -> None:
    """Write what the provider said, also while the database is away: nobody will ever say it again."""
    for pause in _PAUSES:
        try:
            write()
        except (OperationalError, InterfaceError):
            log.exception("the answer could not be written down; trying again", seconds=pause)
            connection.close()
            time.sleep(pause)
        else:
            return
    write()


def _fence(job_id: UUID, lease: timedelta) -> Job | None:
    """Commit that a POST may happen from now on; None when the job is not ours to send.

    Whoever comes second changes 0 rows. A lease that has run out is no licence: the job may be in other hands.
    """
    now = clock.now()
    job = Job.objects.handed(now).filter(pk=job_id).first()
    if job is None:
        return None
    if the_gate().closed_at:
        # It closed after this job was handed over: back into the line, until somebody reopens it.
        Job.objects.handed(now).filter(pk=job_id).update(handed_at=None, lease_until=None)
        return None
    with transaction.atomic(durable=True):
        by = Actor(name="worker", request_id=job.request_id)
        fields = {
            "handed_at": None,
            "lease_until": now + lease,
            "submit_started_at": now,
            "due_at": None,
            "expected_seconds": _usual_seconds(job),
        }
        return job if move(job, Status.SUBMITTING, now=now, by=by, note="Sending it.", **fields) else None


def _attach(job: Job, prediction_id: str) -> None:
    """Write down whose prediction it is, also when the sweep has meanwhile taken the job for unknown."""
    now = clock.now()
    fields = {
        "prediction_id": prediction_id,
        "submitted_at": now,
        "due_at": now,
        "lease_until": None,
        "attempts": 0,
    }
    try:
        with transaction.atomic():
            current = locked(job.pk, Status.SUBMITTING, Status.UNKNOWN)
            if current:
                note = f"WaveSpeed took it as {prediction_id}."
                move(current, Status.RUNNING, now=now, by=_worker(job), note=note, **fields)
    except IntegrityError:
        log.exception("prediction belongs to another job", job_id=str(job.pk), prediction_id=prediction_id)
        _lost_sight(job, Ambiguous(f"WaveSpeed answered with {prediction_id}, which is another job's."))


def _usual_seconds(job: Job) -> float:
    """Return how long the last videos of this model and length took, or what the catalogue says of it."""
    done = Job.objects.filter(
        model=job.model, status=Status.SUCCEEDED, parameters__duration=job.wanted("duration")
    ).order_by("-finished_at")
    seconds = [
        (collecting_at - submitted_at).total_seconds()
        for collecting_at, submitted_at in done.values_list("collecting_at", "submitted_at")[:50]
        if collecting_at and submitted_at
    ]
    if len(seconds) >= _ENOUGH:
        return median(seconds)
    if settings.SANDBOX:
        return float(settings.SANDBOX_SECONDS)
    try:
        return float(job.video_model.usual_seconds)
    except UnknownModel:  # it left the catalogue while the job waited, and what was paid for still goes
        return _USUAL


def _refused(job: Job, error: RefusedForJob) -> None:
    code, message = wording.refusal(error.code, error.words)
    kept = {"prediction_id": error.prediction_id} if error.prediction_id else {}
    fail(job, code=code, message=message, now=clock.now(), by=_worker(job), provider_error=str(error), **kept)


def _refused_for_account(job: Job, error: RefusedForAccount) -> None:
    the_gate()
    now = clock.now()
    with transaction.atomic():
        close_gate(f"WaveSpeed refuses the account: {error.reason}", now=now)
        _back_to_the_queue(job, "WaveSpeed refuses the account for now; the job waits.", timedelta(0))


def _not_taken(job: Job, error: NotSent | RateLimited) -> None:
    wait = min(2.0 ** min(job.attempts, 10), 60.0)
    if isinstance(error, RateLimited) and error.retry_after:
        wait = max(wait, min(error.retry_after, 600.0))
    _back_to_the_queue(job, f"Not sent: {error}", timedelta(seconds=wait))


def _back_to_the_queue(job: Job, note: str, wait: timedelta) -> None:
    now = clock.now()
    fields = {"lease_until": None, "due_at": now + wait, "attempts": job.attempts + 1}
    move(job, Status.QUEUED, now=now, by=_worker(job), note=note, **fields)


def _lost_sight(job: Job, error: ProviderError) -> None:
    """Nobody can say whether a prediction exists: keep the money held and never send it again."""
    note = f"Nobody knows whether WaveSpeed took it: {error}"
    move(job, Status.UNKNOWN, now=clock.now(), by=_worker(job), note=note, lease_until=None)


def _worker(job: Job) -> Actor:
    return Actor(name="worker", request_id=job.request_id)
