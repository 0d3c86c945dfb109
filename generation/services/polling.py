"""What an answer about a running prediction means for its job, and when it is asked about again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import BigIntegerField, Case, F, Value, When

from billing.services import Actor
from generation import clock, pacing
from generation.models import Difference, Job, JobNotice, Status
from generation.models.following import Wait, write_waits
from generation.providers.errors import NotFound, ProviderError, RefusedForAccount, Unavailable
from generation.providers.predictions import Prediction
from generation.services import wording
from generation.services.collecting import in_the_hands_of_collectors, tell_collectors
from generation.services.differing import differ
from generation.services.gating import cause_of, close_gate
from generation.services.hearing import hooks_arrive
from generation.services.noticing import give_notices
from generation.services.sparing import one_by_one, spare, write_down
from generation.services.transitions import fail, locked, move_all, tell_all

_GIVE_UP_AFTER = timedelta(days=7)  # as long as WaveSpeed keeps an output
_ODD_LETTERS = 40
_WATCHER = Actor(name="watcher")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """What came of asking about a job, as it was claimed: its prediction, or why there is none."""

    job: Job
    prediction: Prediction | None = None
    error: ProviderError | None = None

    @property
    def has_ended(self) -> bool:
        """Say whether the prediction is over, well or not."""
        return self.prediction is not None and not self.prediction.is_going_on

    @property
    def is_made(self) -> bool:
        """Say whether there is a video."""
        return self.prediction is not None and self.prediction.is_completed and bool(self.prediction.outputs)


def polled(job_id: UUID, prediction: Prediction) -> None:
    """Do what the provider's answer asks for; harmless when the job has moved on."""
    if prediction.is_going_on:
        _go_on([Answered(job=job, prediction=prediction) for job in Job.objects.filter(pk=job_id)])
        return
    if prediction.is_completed and prediction.outputs:
        made({job_id: prediction})
        return
    now = clock.now()
    with transaction.atomic():
        job = locked(job_id, Status.RUNNING)
        if job is None or job.prediction_id != prediction.id:
            return
        code, message = _verdict(prediction)
        told = {"provider_error": prediction.error, "polls": job.polls + 1, "odd_status": ""}
        fail(job, code=code, message=message, now=now, by=_watcher(job), **told)
        if prediction.is_canceled:
            kind = Difference.Kind.CANCELED_THERE
            differ(kind, ours="failed, not charged", theirs=prediction.status, now=now, job=job)


def made(predictions: Mapping[UUID, Prediction]) -> None:
    """Hand jobs whose videos are made to collectors, all of them in one transaction that touches no money.

    What somebody else has locked is passed over, and asked about again when its lease ends.
    """
    now = clock.now()
    free = Job.objects.select_for_update(of=("self",), skip_locked=True)
    running = free.filter(pk__in=predictions, status=Status.RUNNING)
    with transaction.atomic():
        found = running.only("status", "prediction_id", "request_id").order_by("pk")
        jobs = [job for job in found if job.prediction_id == predictions[job.pk].id]
        if not jobs:
            return
        # With a default, since PostgreSQL knows no type of nothing but NULLs.
        took = [When(pk=job.pk, then=Value(predictions[job.pk].execution_ms)) for job in jobs]
        fields: dict[str, Any] = {"due_at": None, "attempts": 0, "odd_status": "", "polls": F("polls") + 1}
        rendered = Case(*took, default=F("rendered_ms"), output_field=BigIntegerField())
        fields |= {"collecting_at": now, "rendered_ms": rendered}
        by, handed = _WATCHER, in_the_hands_of_collectors(now)
        move_all(jobs, Status.COLLECTING, now=now, by=by, note="WaveSpeed has made it.", **fields, **handed)
        tell_collectors(jobs)


def unreachable(job_id: UUID, error: ProviderError) -> None:
    """Ask again later when the provider gave no answer; that says nothing about the prediction."""
    _go_on([Answered(job=job, error=error) for job in Job.objects.filter(pk=job_id)])


def keep_waiting(answers: Iterable[Answered]) -> None:
    """Say when to look again at jobs whose predictions have not ended, all at once.

    Each was claimed, or just read: what was nudged or has moved on since is left as it is.
    """
    now = clock.now()
    arriving = hooks_arrive(now)
    waits = [
        _wait(answered, now, _usual_wait(answered.job, now, arriving=arriving), claimed_until=answered.job.due_at)
        for answered in answers
        if answered.job.due_at is not None and not _is_over(answered.job, now)
    ]
    with transaction.atomic():
        write_waits(waits)


def heed(answers: Sequence[Answered]) -> None:
    """Do what else follows where predictions have not ended; each thing is spared the others' failures.

    A refused account closes the Gate, what takes long is late, and after seven days it is enough.
    """
    if not answers:
        return
    now = clock.now()
    refusals = {each.error.reason: each.error for each in answers if isinstance(each.error, RefusedForAccount)}
    if refusals:
        spare("close the Gate", partial(_close_gate, refusals, now))
    jobs = [each.job for each in answers]
    over = [job for job in jobs if _is_over(job, now)]
    late = [job for job in jobs if _is_late(job, now) and job.late_at is None and not _is_over(job, now)]
    write_down("mark a job as late", partial(mark_all_late, now=now), late, lambda job: f"job {job.pk}")
    one_by_one("give a job up", partial(_give_up, now=now), over, lambda job: f"job {job.pk}")


def mark_late(job: Job, now: datetime) -> None:
    """Say that the time limit has passed of a job that runs or is saved; its owner is told once."""
    mark_all_late([job], now)


@transaction.atomic
def mark_all_late(jobs: Sequence[Job], now: datetime) -> None:
    """Say it of many, but for those that somebody else has locked: they are late the next time."""
    under_way = Job.objects.filter(status__in=[Status.RUNNING, Status.COLLECTING], late_at__isnull=True)
    free = under_way.select_for_update(of=("self",), skip_locked=True).filter(pk__in=[job.pk for job in jobs])
    marked = list(free.only("status", "user_id").order_by("pk"))
    if marked:
        Job.objects.filter(pk__in=[job.pk for job in marked]).update(late_at=now)
        tell_all(marked, now=now, by=_WATCHER, note="Later than the time limit. It still ends by itself.")
        give_notices(marked, JobNotice.Kind.LATE, now)


def first_wait(job: Job, now: datetime) -> dict[str, object]:
    """Return the columns that say when a job whose prediction begins now is first asked about."""
    pace = pacing.jittered(_usual_wait(job, now, arriving=hooks_arrive(now)))
    return {"due_at": now + timedelta(seconds=pace), "pace": pace}


def _usual_wait(job: Job, now: datetime, *, arriving: bool) -> float:
    age = max((now - (job.submitted_at or now)).total_seconds(), 0.0)
    pace = pacing.wait_for_hook if arriving and _awaits_hook(job) else pacing.wait
    wait = pace(age, job.expected_seconds, densest=settings.POLL_INTERVAL)
    return pacing.wait_for_late(age, wait) if _is_late(job, now) else wait


def _is_late(job: Job, now: datetime) -> bool:
    return job.submitted_at is not None and now - job.submitted_at > timedelta(seconds=settings.TIME_LIMIT)


def _is_over(job: Job, now: datetime) -> bool:
    return job.submitted_at is not None and now - job.submitted_at > _GIVE_UP_AFTER


def _awaits_hook(job: Job) -> bool:
    """Say whether a webhook is still to come: where the provider was told to call, and has not yet."""
    return bool(job.webhook_hash) and job.heard_at is None


def _go_on(answers: Sequence[Answered]) -> None:
    keep_waiting(answers)
    heed(answers)


def _wait(answered: Answered, now: datetime, wait: float, *, claimed_until: datetime) -> Wait:
    job, error = answered.job, answered.error
    attempts, odd_status, not_found_since, asked_for = 0, "", None, 0.0
    if answered.prediction is None:
        attempts, odd_status = job.attempts + 1, job.odd_status
        not_found_since = job.not_found_since or (now if isinstance(error, NotFound) else None)
        wait = pacing.wait_unanswered(wait, attempts)
        asked_for = error.retry_after or 0.0 if isinstance(error, Unavailable) else 0.0
    elif not answered.prediction.is_known:
        odd_status = answered.prediction.status[:_ODD_LETTERS] or "none"
    if job.heard_at is not None:
        wait = pacing.wait_after_hook(max((now - job.heard_at).total_seconds(), 0.0), wait)
    pace = pacing.jittered(wait, at_least=asked_for)
    return Wait(
        job_id=job.pk,
        claimed_until=claimed_until,
        due_at=now + timedelta(seconds=pace),
        pace=pace,
        attempts=attempts,
        odd_status=odd_status,
        not_found_since=not_found_since,
    )


def _verdict(prediction: Prediction) -> tuple[str, str]:
    """Return our code and sentence for a prediction that ended without a video."""
    if prediction.is_completed:
        return "no_output", "WaveSpeed finished without a video."
    if prediction.is_canceled:
        return "provider_canceled", "The video was canceled at WaveSpeed."
    return wording.failure(prediction)


def _close_gate(refusals: Mapping[str, RefusedForAccount], now: datetime) -> None:
    for reason, refusal in refusals.items():
        close_gate(f"WaveSpeed refuses the account: {reason}", now=now, cause=cause_of(refusal))


def _give_up(job: Job, now: datetime) -> None:
    message = "WaveSpeed gave no verdict for seven days, and no longer can."
    with transaction.atomic():
        current = locked(job.pk, Status.RUNNING)
        if current and fail(current, code="expired", message=message, now=now, by=_watcher(job)):
            kind = Difference.Kind.NO_VERDICT
            differ(kind, ours="failed, not charged", theirs="no verdict for seven days", now=now, job=current)


def _watcher(job: Job) -> Actor:
    return Actor(name="watcher", request_id=job.request_id)
