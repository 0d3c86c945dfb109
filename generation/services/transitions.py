"""How a job changes its state: one conditional update, in one transaction with its history and its money."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from django.db import transaction

from billing import services as billing
from billing.services import Actor
from generation.models import FINAL, LAW, Job, JobEvent, JobNotice, JobQuerySet, Status
from generation.services.noticing import give_notice

log = structlog.get_logger(__name__)


class IllegalTransition(Exception):
    """The law of the job (models.LAW) does not know this step."""


class NotCancelable(Exception):
    """The job has left the queue, and WaveSpeed can't stop a prediction."""

    code = "not_cancelable"

    def __init__(self, job: Job) -> None:
        ended = f"The job has already ended: {job.status}."
        sent = f"The job is {job.status}: it was handed to WaveSpeed, which can't stop it any more."
        super().__init__(ended if job.is_final else sent)


def locked(job_id: UUID, *statuses: Status) -> Job | None:
    """Return the job, locked until the transaction ends, if it is in one of `statuses`; None if it has moved on.

    SQLite has no row locks and needs none: its transactions are IMMEDIATE, one writer at a time.
    """
    return the_one(Job.objects.select_for_update(of=("self",)).filter(pk=job_id, status__in=statuses))


def the_one(job: JobQuerySet) -> Job | None:
    """Return the job of which there is at most one; `first()` would sort it, and each hint pays for that."""
    return next(iter(job), None)


def move(job: Job, to: Status, *, now: datetime, by: Actor, note: str = "", **fields: Any) -> bool:
    """Take the job to another status and write its history.

    Returns False, and changes nothing, when it is no longer in the status that `job` says. IllegalTransition for a
    step that the law does not know.
    """
    return move_among(Job.objects.all(), job, to, now=now, by=by, note=note, **fields)


def move_among(
    ours: JobQuerySet, job: Job, to: Status, /, *, now: datetime, by: Actor, note: str = "", **fields: Any
) -> bool:
    """Take the job to another status, as `move` does, if it still is among `ours`."""
    before = Status(job.status)
    if to not in LAW[before]:
        raise IllegalTransition(f"A job can't go from {before} to {to}.")
    # No savepoint: who calls this in a transaction of theirs never goes on in it after an error.
    with transaction.atomic(savepoint=False):
        if not ours.filter(pk=job.pk, status=before).update(status=to, **fields):
            return False
        _remember(job, before, to, now=now, by=by, note=note, **fields)
    return True


def _remember(job: Job, before: Status, to: Status, *, now: datetime, by: Actor, note: str, **fields: Any) -> None:
    job.status = to
    for name, value in fields.items():
        setattr(job, name, value)
    tell(job, now=now, by=by, note=note, before=before)
    ids = {"job_id": str(job.pk), "prediction_id": job.prediction_id, "request_id": job.request_id}
    log.info("job moved", before=before, after=to, **ids)


def move_all(jobs: Sequence[Job], to: Status, *, now: datetime, by: Actor, note: str, **fields: Any) -> None:
    """Take jobs, locked by the caller and all in one status, to another, and write their history: two statements."""
    before = {Status(job.status) for job in jobs}
    if any(to not in LAW[each] for each in before):
        raise IllegalTransition(f"A job can't go from {' or '.join(sorted(before))} to {to}.")
    Job.objects.filter(pk__in=[job.pk for job in jobs], status__in=before).update(status=to, **fields)
    tell_all(jobs, now=now, by=by, note=note, to=to)
    for job in jobs:
        ids = {"job_id": str(job.pk), "prediction_id": job.prediction_id, "request_id": job.request_id}
        log.info("job moved", before=job.status, after=to, **ids)


def tell(job: Job, *, now: datetime, by: Actor, note: str, before: str | None = None) -> None:
    """Write a line of the job's history; without `before` its status stayed the same."""
    from_status = job.status if before is None else before
    JobEvent.objects.create(job=job, at=now, from_status=from_status, to_status=job.status, actor=by.name, note=note)


def tell_all(jobs: Iterable[Job], *, now: datetime, by: Actor, note: str, to: Status | None = None) -> None:
    """Write the same line into the history of many jobs; without `to` they keep their status."""
    JobEvent.objects.bulk_create(
        JobEvent(job=job, at=now, from_status=job.status, to_status=to or job.status, actor=by.name, note=note)
        for job in jobs
    )


@transaction.atomic
def fail(job: Job, *, code: str, message: str, now: datetime, by: Actor, **fields: Any) -> bool:
    """End the job without a video and give its money back; False when it has moved on."""
    fields |= {"error_code": code, "error_message": message}
    if not _end(job, Status.FAILED, now=now, by=by, note=message, **fields):
        return False
    give_notice(job, JobNotice.Kind.FAILED, now)
    return True


@transaction.atomic
def cancel_queued(job: Job, *, now: datetime, by: Actor, note: str) -> bool:
    """End a job that was not sent and give its money back; False when it has moved on."""
    return _end(job, Status.CANCELED, now=now, by=by, note=note)


def _end(job: Job, to: Status, *, now: datetime, by: Actor, note: str, **fields: Any) -> bool:
    if to not in FINAL:
        raise IllegalTransition(f"{to} is no end.")
    cleared = {"handed_at": None, "lease_until": None, "due_at": None}
    if not move(job, to, now=now, by=by, note=note, finished_at=now, **cleared, **fields):
        return False
    billing.release(job.hold, now=now, by=by)
    return True
