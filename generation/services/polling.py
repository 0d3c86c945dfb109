"""What an answer about a running prediction means for its job."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from billing.services import Actor
from generation import clock
from generation.models import Difference, Job, JobNotice, Status
from generation.providers.errors import NotFound, ProviderError, RefusedForAccount
from generation.providers.predictions import Prediction
from generation.services import wording
from generation.services.collecting import hand_to_collectors
from generation.services.differing import differ
from generation.services.dispatching import cause_of, close_gate
from generation.services.noticing import give_notice
from generation.services.transitions import fail, locked, move, tell

_GIVE_UP_AFTER = timedelta(days=7)  # as long as WaveSpeed keeps an output
_LATE_INTERVAL = timedelta(seconds=30)


def polled(job_id: UUID, prediction: Prediction) -> None:
    """Do what the provider's answer asks for; harmless when the job has moved on."""
    now = clock.now()
    if prediction.is_going_on:
        _wait(job_id, now, not_found_since=None)
        return
    with transaction.atomic():
        job = locked(job_id, Status.RUNNING)
        if job is None or job.prediction_id != prediction.id:
            return
        by = _watcher(job)
        if prediction.is_completed and prediction.outputs:
            fields = {"collecting_at": now, "due_at": None, "attempts": 0, "rendered_ms": prediction.execution_ms}
            if move(job, Status.COLLECTING, now=now, by=by, note="WaveSpeed has made it.", **fields):
                hand_to_collectors(job, now)
            return
        code, message = _verdict(prediction)
        fail(job, code=code, message=message, now=now, by=by, provider_error=prediction.error)
        if prediction.is_canceled:
            kind = Difference.Kind.CANCELED_THERE
            differ(kind, ours="failed, not charged", theirs=prediction.status, now=now, job=job)


def unreachable(job_id: UUID, error: ProviderError) -> None:
    """Ask again later when the provider gave no answer; that says nothing about the prediction."""
    now = clock.now()
    if isinstance(error, RefusedForAccount):
        close_gate(f"WaveSpeed refuses the account: {error.reason}", now=now, cause=cause_of(error))
    if isinstance(error, NotFound):
        Job.objects.filter(pk=job_id, not_found_since__isnull=True).update(not_found_since=now)
    _wait(job_id, now)


def _verdict(prediction: Prediction) -> tuple[str, str]:
    """Return our code and sentence for a prediction that ended without a video."""
    if prediction.is_completed:
        return "no_output", "WaveSpeed finished without a video."
    if prediction.is_canceled:
        return "provider_canceled", "The video was canceled at WaveSpeed."
    return wording.failure(prediction)


def _wait(job_id: UUID, now: datetime, **fields: Any) -> None:
    """Look again after the usual interval; rarely once the job is late; not at all after seven days."""
    job = Job.objects.filter(pk=job_id, status=Status.RUNNING).first()
    if job is None or job.submitted_at is None:
        return
    age = now - job.submitted_at
    if age > _GIVE_UP_AFTER:
        message = "WaveSpeed gave no verdict for seven days, and no longer can."
        with transaction.atomic():
            if fail(job, code="expired", message=message, now=now, by=_watcher(job)):
                kind = Difference.Kind.NO_VERDICT
                differ(kind, ours="failed, not charged", theirs="no verdict for seven days", now=now, job=job)
        return
    if age > timedelta(seconds=settings.TIME_LIMIT) and job.late_at is None:
        _mark_late(job, now)
    interval = _LATE_INTERVAL if job.late_at else timedelta(seconds=settings.POLL_INTERVAL)
    # Who asked had put it off; is it due all the same, a webhook came meanwhile, and this answer may be of before.
    heard = Job.objects.filter(pk=job_id, heard_at__isnull=False, due_at__lte=now)
    Job.objects.filter(pk=job_id, status=Status.RUNNING).exclude(pk__in=heard).update(due_at=now + interval, **fields)


@transaction.atomic
def _mark_late(job: Job, now: datetime) -> None:
    if Job.objects.filter(pk=job.pk, late_at__isnull=True, status=Status.RUNNING).update(late_at=now):
        job.late_at = now
        tell(job, now=now, by=_watcher(job), note="Later than the time limit. It still ends by itself.")
        give_notice(job, JobNotice.Kind.LATE, now)


def _watcher(job: Job) -> Actor:
    return Actor(name="watcher", request_id=job.request_id)
