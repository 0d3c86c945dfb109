"""One paid submission per job: the fence, one POST, and what its answer means. See states.md for each row."""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from structlog.contextvars import bind_contextvars

from billing.services import Actor
from generation import clock
from generation.models import Job, Status
from generation.providers.errors import (
    Ambiguous,
    NotSent,
    ProviderError,
    RateLimited,
    RefusedForAccount,
    RefusedForJob,
    Unavailable,
)
from generation.providers.wavespeed import WaveSpeed
from generation.services import wording
from generation.services.attaching import lose_sight
from generation.services.bringing import NO_SOURCE, SourceLost, bring
from generation.services.gating import cause_of, close_gate, narrow_gate, the_gate
from generation.services.hearing import draw_webhook
from generation.services.polling import first_wait
from generation.services.provider import wavespeed
from generation.services.transitions import fail, locked, log, move, move_among, tell

_ENOUGH, _LAST = 5, 20  # videos: for their median to say more than the catalogue, and the most that are looked at
_PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0)  # seconds between two tries to write an answer down
_MOST_LOOKS = 25  # for a source that our storage has not got; with their pauses some three hours
_MARGIN = 15  # seconds that the fence's lease outlives the longest possible POST


def submit(job_id: UUID) -> None:
    """Send a handed job to the provider, once and never again. Does nothing for a job that somebody else has."""
    job = _claim(job_id)
    if job is None:
        return
    provider = wavespeed()
    try:
        media = bring(job, provider)
    except Unavailable as error:
        # Who is away comes back, and the job waits as one without a source does; a file that is gone seldom does.
        if isinstance(error, SourceLost) and job.events.filter(note__startswith=NO_SOURCE).count() >= _MOST_LOOKS:
            _end_without_source(job, provider, error)
        else:
            _not_brought(job, error)
        return
    except ProviderError as error:
        _refuse_unsent(job, provider, error)
        return
    _send(job, provider, media)


def _send(job: Job, provider: WaveSpeed, media: dict[str, str]) -> None:
    """Cross the fence and send the POST; write down what came of it."""
    webhook = draw_webhook(job)
    if not _fence(job, _bound(provider), webhook_hash=webhook.token_hash if webhook else ""):
        return
    inputs = {**job.video_model.inputs(job.prompt, job.parameters), **media}
    try:
        prediction = provider.submit(job.model, inputs, webhook=webhook.url if webhook else None)
    except ProviderError as error:
        # Bound to another name, since `error` is gone behind this block.
        refusal = error
        log.warning("not submitted", job_id=str(job.pk), prediction_id=error.prediction_id, **error.signs())
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


def _claim(job_id: UUID) -> Job | None:
    """Take a handed job to prepare what it needs; None when it is not ours. Each handing has one taker."""
    now = clock.now()
    if not Job.objects.handed(now).filter(pk=job_id, taken_at__isnull=True).update(taken_at=now):
        # The hint is gone with this look. Where it came too late, whoever hands the job over again tells of it again.
        too_late = Job.objects.queued().filter(pk=job_id, taken_at__isnull=True, lease_until__lte=now)
        too_late.update(handed_at=None)
        return None
    job = Job.objects.select_related("hold").get(pk=job_id)  # few have a source: it is looked up where it is asked for
    bind_contextvars(request_id=job.request_id)
    return job


def _not_brought(job: Job, error: Unavailable) -> None:
    """Let it wait and be handed out again: nothing was sent, and nothing but an upload was tried."""
    log.warning("media not brought to the provider", job_id=str(job.pk), **error.signs())
    now = clock.now()
    wait = timedelta(seconds=min(2.0 ** min(job.attempts, 10), 600.0))
    again = {"handed_at": None, "lease_until": None, "due_at": now + wait, "attempts": job.attempts + 1}
    with transaction.atomic():
        if Job.objects.filter(pk=job.pk, status=Status.QUEUED, taken_at=job.taken_at).update(**again):
            lost = isinstance(error, SourceLost)
            note = str(error) if lost else f"Its source could not be brought to WaveSpeed: {error}"
            tell(job, now=now, by=_worker(job), note=note)


def _refuse_unsent(job: Job, provider: WaveSpeed, error: ProviderError) -> None:
    """End it as the law says of what WaveSpeed refuses, or put it back: the fence comes first, the POST never."""
    log.warning("media refused by the provider", job_id=str(job.pk), **error.signs())
    if _fence(job, _bound(provider)):
        _insist(lambda: _write_down(job, error))


def _end_without_source(job: Job, provider: WaveSpeed, error: SourceLost) -> None:
    """End what can never be sent, behind the fence as the law has it, and say whose fault it is: ours."""
    log.error("source lost", job_id=str(job.pk))
    message = "The picture or video that it was to be made from is gone from our storage. It was not sent."
    if _fence(job, _bound(provider)):
        _insist(lambda: _fail(job, code="source_lost", message=message, provider_error=str(error)))


def _bound(provider: WaveSpeed) -> timedelta:
    return timedelta(seconds=provider.submit_bound + _MARGIN)


def _fence(job: Job, lease: timedelta, *, webhook_hash: str = "") -> bool:
    """Commit that a POST may happen from now on; False when the job is no longer ours to send.

    Whoever comes second changes 0 rows. A lease that has run out is no licence: the job may be in other hands.
    """
    now = clock.now()
    ours = Job.objects.handed(now).filter(pk=job.pk, taken_at=job.taken_at)
    if the_gate().closed_at:
        # It closed after this job was handed over: back into the line, until somebody reopens it.
        ours.update(handed_at=None, lease_until=None)
        return False
    fields = {
        "handed_at": None,
        "taken_at": None,
        "lease_until": now + lease,
        "submit_started_at": now,
        "due_at": None,
        "expected_seconds": _usual_seconds(job),
        "webhook_hash": webhook_hash,
        "shown_id": "",
        "heard_at": None,
    }
    with transaction.atomic(durable=True):
        return move_among(ours, job, Status.SUBMITTING, now=now, by=_worker(job), note="Sending it.", **fields)


def _attach(job: Job, prediction_id: str) -> None:
    """Write down whose prediction it is, also when the sweep has meanwhile taken the job for unknown."""
    now = clock.now()
    fields = {
        "prediction_id": prediction_id,
        "submitted_at": now,
        "lease_until": None,
        "attempts": 0,
    }
    try:
        with transaction.atomic():
            current = locked(job.pk, Status.SUBMITTING, Status.UNKNOWN)
            if current:
                note = f"WaveSpeed took it as {prediction_id}."
                is_named = current.shown_id == prediction_id
                if not is_named:
                    current.heard_at = None  # what came was not its own, and its own may still come
                # What its webhook has named already is due at once.
                when = {"due_at": now, "pace": 0} if is_named else first_wait(current, now)
                heard = {"shown_id": "", "heard_at": current.heard_at}
                move(current, Status.RUNNING, now=now, by=_worker(job), note=note, **fields, **when, **heard)
    except IntegrityError:
        log.exception("prediction belongs to another job", job_id=str(job.pk), prediction_id=prediction_id)
        _lost_sight(job, Ambiguous(f"WaveSpeed answered with {prediction_id}, which is another job's."))


def _usual_seconds(job: Job) -> float:
    """Return how long the last videos of this model and length took, or what the catalogue says of it."""
    done = Job.objects.filter(model=job.model, status=Status.SUCCEEDED, hold__seconds=job.hold.seconds).order_by(
        "-finished_at"
    )
    seconds = [
        (collecting_at - submitted_at).total_seconds()
        for collecting_at, submitted_at in done.values_list("collecting_at", "submitted_at")[:_LAST]
        if collecting_at and submitted_at
    ]
    if len(seconds) >= _ENOUGH:
        return median(seconds)
    if settings.SANDBOX:
        return float(settings.SANDBOX_SECONDS)
    return float(job.video_model.usual_seconds)


def _refused(job: Job, error: RefusedForJob) -> None:
    code, message = wording.refusal(error.code, error.words)
    kept = {"prediction_id": error.prediction_id} if error.prediction_id else {}
    _fail(job, code=code, message=message, provider_error=str(error), **kept)


@transaction.atomic
def _fail(job: Job, **said: str) -> None:
    current = _still(job)
    if current is None or ("prediction_id" not in said and _is_doubted(current, said["provider_error"])):
        return
    fail(current, now=clock.now(), by=_worker(job), **said)


def _refused_for_account(job: Job, error: RefusedForAccount) -> None:
    the_gate()
    now = clock.now()
    with transaction.atomic():
        close_gate(f"WaveSpeed refuses the account: {error.reason}", now=now, cause=cause_of(error))
        _back_to_the_queue(job, "WaveSpeed refuses the account for now; the job waits.", timedelta(0))


def _not_taken(job: Job, error: NotSent | RateLimited) -> None:
    wait = min(2.0 ** min(job.attempts, 10), 60.0)
    if isinstance(error, RateLimited) and error.retry_after:
        wait = max(wait, min(error.retry_after, 600.0))
    narrow_gate(clock.now())
    with transaction.atomic():
        _back_to_the_queue(job, f"Not sent: {error}", timedelta(seconds=wait))


def _back_to_the_queue(job: Job, note: str, wait: timedelta) -> None:
    now = clock.now()
    current = _still(job)
    if current is None or _is_doubted(current, note):
        return
    fields = {"lease_until": None, "due_at": now + wait, "attempts": current.attempts + 1}
    move(current, Status.QUEUED, now=now, by=_worker(job), note=note, **fields)


def _is_doubted(current: Job, refusal: str) -> bool:
    """Take a refused job for unknown where a webhook of this very try has named a prediction, and say whether it was.

    Whatever the answer says: one seems to exist, so it is looked at, and nothing is sent again.
    """
    if not current.shown_id:
        return False
    note = f"A webhook named {current.shown_id} before the answer came: {refusal}"
    return lose_sight(current, now=clock.now(), by=_worker(current), note=note)


def _lost_sight(job: Job, error: ProviderError) -> None:
    """Nobody can say whether a prediction exists: keep the money held and never send it again."""
    note = f"Nobody knows whether WaveSpeed took it: {error}"
    now = clock.now()
    with transaction.atomic():
        current = locked(job.pk, Status.SUBMITTING)
        if current:
            lose_sight(current, now=now, by=_worker(job), note=note)


def _still(job: Job) -> Job | None:
    """Return the row as it stands, locked, where this submission still goes on.

    Each try to write an answer down looks anew: one that was undone has left its marks on the row in memory, and one
    whose commit was done without a word has let go of the job, which somebody else may be sending by now.
    """
    current = locked(job.pk, Status.SUBMITTING)
    return current if current and current.submit_started_at == job.submit_started_at else None


def _worker(job: Job) -> Actor:
    return Actor(name="worker", request_id=job.request_id)
