"""Finding out about what nobody knows: jobs whose submission got no answer, and what the provider says it did for us.

An unknown job is never sent again and never ended by time. Its prediction is looked for in the provider's list: exactly
one that fits it, that no other job has, and that fits no other job whose submission has no answer (fitting.py).
Everything else is for an operator.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from billing.models import Hold
from billing.money import dollars
from billing.services import Actor
from generation import clock
from generation.models import FINAL, Difference, Job, Status
from generation.providers.errors import NotFound, ProviderError
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from generation.services.collecting import discard_of_failed
from generation.services.differing import differ
from generation.services.fitting import Candidate, candidates_of, misfit, named_for_another, window
from generation.services.hearing import hand_to_attach
from generation.services.provider import wavespeed
from generation.services.transitions import fail, locked, log, move, tell

_JUST_MADE = timedelta(minutes=5)  # its job may not know of it yet
_LOOKS = (timedelta(minutes=5), timedelta(hours=1))  # pauses between looks; the first is a minute after
_KEPT = timedelta(days=7)  # as long as the provider lists a prediction
_SETTLED_AFTER = timedelta(hours=4)  # WaveSpeed refunds what failed within 3 hours
_ASK_AGAIN = timedelta(hours=20)
_ENDED_BY_US = {"given_up", "expired"}
_PAGES = 50
_BILLS_AT_ONCE = 50


class NotAttachable(Exception):
    """This prediction can't be the job's."""

    code = "not_attachable"


def first_look(now: datetime) -> datetime:
    """Return when an unknown job is first looked for."""
    return now + timedelta(minutes=1)


def lose_sight(job: Job, *, now: datetime, by: Actor, note: str) -> bool:
    """Take it for unknown, in the transaction that has locked its row; a webhook may have named its prediction already.

    Its money stays held, and it is never sent again.
    """
    fields = {"lease_until": None, "due_at": first_look(now), "attempts": 0}
    if not move(job, Status.UNKNOWN, now=now, by=by, note=note, **fields):
        return False
    if job.shown_id:
        hand_to_attach(job, now)
    return True


def attach_shown(job_id: UUID) -> bool:
    """Give an unknown job the prediction that a webhook named, after a look at it; False where it does not fit."""
    job = Job.objects.filter(pk=job_id, status=Status.UNKNOWN).exclude(shown_id="").first()
    return job is not None and _try(job, job.shown_id, wavespeed())


def look_for_unknown(now: datetime, *, all_of_them: bool = False) -> int:
    """Look for the unknown jobs that are due, and return how many were attached. Asks the provider."""
    due = [job for job in Job.objects.filter(status=Status.UNKNOWN) if all_of_them or _claim(job, now)]
    if not due:
        return 0
    provider = wavespeed()
    attached = 0
    for job in due:
        # What a webhook has named is no candidate of another job, whatever comes of this look at it.
        attached += _try(job, job.shown_id, provider) if job.shown_id else _look_for(job, provider)
    return attached


def candidates(job: Job, provider: WaveSpeed | None = None) -> list[Candidate]:
    """Return the predictions in the provider's list that fit a job and belong to no other. Raises ProviderError."""
    if job.submit_started_at is None:
        return []
    return candidates_of([job], _listed_around(job, provider or wavespeed()))[job.pk]


def attach(job_id: UUID, prediction_id: str, *, by: Actor) -> Job:
    """Give an unknown job the prediction that an operator names. Raises NotAttachable, or ProviderError.

    The provider is asked first: model, time and whatever its list tells of the wish must fit, and it may neither belong
    to another job nor to one that is just being sent. Then the job runs, and the watcher asks how far it is.
    """
    job, provider = Job.objects.get(pk=job_id), wavespeed()
    if job.status != Status.UNKNOWN:
        raise NotAttachable("The job is not unknown.")
    prediction = _asked(job, prediction_id, provider)
    listed = _listed_around(job, provider)
    told = next((each for each in listed if each.id == prediction.id), prediction)
    if reason := misfit(job, told):
        raise NotAttachable(reason)
    found = candidates_of([job], [told])[job.pk]
    if not found:
        raise NotAttachable(f"{prediction_id} belongs to another job, or the job to another prediction.")
    if found[0].is_being_sent:
        raise NotAttachable("It may be that of a job that is just being sent. Look again in a minute or two.")
    return _give(job, prediction.id, by=by)


def _look_for(job: Job, provider: WaveSpeed) -> bool:
    found = candidates(job, provider)
    return len(found) == 1 and not found[0].others and _try(job, found[0].prediction.id, provider)


def _asked(job: Job, prediction_id: str, provider: WaveSpeed) -> Prediction:
    """Look at a prediction before it becomes the job's: model and time must fit."""
    try:
        prediction = provider.result(prediction_id)
    except NotFound as error:
        raise NotAttachable(f"WaveSpeed knows no prediction {prediction_id!r}.") from error
    if reason := misfit(job, prediction):
        raise NotAttachable(reason)
    return prediction


def _give(job: Job, prediction_id: str, *, by: Actor) -> Job:
    """Give an unknown job its prediction, which was looked at."""
    now = clock.now()
    fields = {"prediction_id": prediction_id, "submitted_at": job.submit_started_at, "due_at": now, "attempts": 0}
    try:
        with transaction.atomic():
            current = locked(job.pk, Status.UNKNOWN)
            if current is None:
                raise NotAttachable("The job is no longer unknown.")
            if named_for_another(current, prediction_id):
                raise NotAttachable(f"A webhook has named {prediction_id} for another job.")
            move(current, Status.RUNNING, now=now, by=by, note=f"Found at WaveSpeed as {prediction_id}.", **fields)
            return current
    except IntegrityError as error:
        raise NotAttachable(f"{prediction_id} belongs to another job.") from error


def never_created(job_id: UUID, *, reason: str, by: Actor) -> bool:
    """End an unknown job whose prediction an operator knows not to exist; its money is back. False if it moved on."""
    now = clock.now()
    with transaction.atomic():
        job = locked(job_id, Status.UNKNOWN)
        message = "It never reached WaveSpeed."
        return bool(job and fail(job, code="never_created", message=message, now=now, by=by, provider_error=reason))


def give_up(job_id: UUID, *, reason: str, by: Actor) -> bool:
    """End a job that runs, is collected or is unknown, by an operator's decision; its money is back.

    A completion that turns up later becomes a Difference, not a status.
    """
    now = clock.now()
    with transaction.atomic():
        job = locked(job_id, Status.RUNNING, Status.COLLECTING, Status.UNKNOWN)
        if job is None:
            return False
        tell(job, now=now, by=by, note=f"Given up: {reason}")
        transaction.on_commit(lambda: discard_of_failed(job_id))
        return fail(job, code="given_up", message="An operator ended it.", now=now, by=by, provider_error=reason)


def reconcile(now: datetime) -> list[Difference]:
    """Compare what ended with the provider's list and bills, and return the differences that were noted just now."""
    newest = Difference.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    look_for_unknown(now, all_of_them=True)
    provider = wavespeed()
    listed = {p.id: p for p in _listed(provider, since=now - _KEPT, until=now - _JUST_MADE)}
    _note_strangers(listed.values(), now)
    _note_late_completions(listed, now)
    _compare_bills(provider, now)
    return list(Difference.objects.filter(pk__gt=newest))


def _claim(job: Job, now: datetime) -> bool:
    """Take an unknown job that is due, and say when it is looked for next."""
    pause = _LOOKS[min(job.attempts, len(_LOOKS) - 1)]
    due = Job.objects.filter(Q(due_at__isnull=True) | Q(due_at__lte=now), pk=job.pk, status=Status.UNKNOWN)
    return bool(due.update(due_at=now + pause, attempts=job.attempts + 1))


def _try(job: Job, prediction_id: str, provider: WaveSpeed) -> bool:
    try:
        prediction = _asked(job, prediction_id, provider)
        _give(job, prediction.id, by=Actor(name="watcher", request_id=job.request_id))
    except NotAttachable as error:
        log.warning("not attached", job_id=str(job.pk), prediction_id=prediction_id, error=str(error))
        return False
    except ProviderError as error:
        log.warning("not attached", job_id=str(job.pk), prediction_id=prediction_id, **error.signs())
        return False
    return True


def _listed(provider: WaveSpeed, *, since: datetime, until: datetime, model: str | None = None) -> list[Prediction]:
    """Return all predictions of a time. One that turns up on two pages, since the list moved, counts once."""
    found: dict[str, Prediction] = {}
    for page in range(1, _PAGES + 1):
        here = provider.predictions(page=page, model=model, created_after=since, created_before=until)
        found |= {prediction.id: prediction for prediction in here}
        if len(here) < 100:
            break
    return list(found.values())


def _listed_around(job: Job, provider: WaveSpeed) -> list[Prediction]:
    since, until = window(job)
    return _listed(provider, since=since, until=until, model=job.model)


def _note_strangers(listed: Iterable[Prediction], now: datetime) -> None:
    """Note predictions that no job has; while jobs are unknown, one of them may be theirs."""
    listed = list(listed)
    ours = set(Job.objects.filter(prediction_id__in=[p.id for p in listed]).values_list("prediction_id", flat=True))
    unknown = list(Job.objects.filter(status=Status.UNKNOWN))
    for prediction in listed:
        if prediction.id in ours or any(not misfit(job, prediction) for job in unknown):
            continue
        theirs = f"{prediction.model}, {prediction.status}, {prediction.created_at}"
        kind = Difference.Kind.NOT_OURS
        differ(kind, ours="no job", theirs=theirs, now=now, prediction_id=prediction.id)


def _note_late_completions(listed: dict[str, Prediction], now: datetime) -> None:
    ended = Job.objects.filter(status=Status.FAILED, prediction_id__in=list(listed))
    for job in ended:
        prediction = listed[str(job.prediction_id)]
        if prediction.is_completed and prediction.outputs and job.error_code in _ENDED_BY_US:
            ours = f"failed: {job.error_code}"
            differ(Difference.Kind.LATE_COMPLETION, ours=ours, theirs="completed", now=now, job=job)


def _compare_bills(provider: WaveSpeed, now: datetime) -> None:
    """Ask for the bills of what ended, each job once and once more a day later."""
    asked = Q(billed_at__isnull=True) | Q(billed__isnull=True, billed_at__lt=now - _ASK_AGAIN)
    ended = Job.objects.filter(
        asked,
        status__in=FINAL,
        prediction_id__isnull=False,
        finished_at__gt=now - _KEPT,
        finished_at__lt=now - _SETTLED_AFTER,
    ).select_related("hold")
    jobs = list(ended.order_by("finished_at")[:1000])
    for start in range(0, len(jobs), _BILLS_AT_ONCE):
        batch = jobs[start : start + _BILLS_AT_ONCE]
        bills = provider.bills([str(job.prediction_id) for job in batch])
        for job in batch:
            _compare_bill(job, bills.get(str(job.prediction_id)), now)


@transaction.atomic
def _compare_bill(job: Job, billed: int | None, now: datetime) -> None:
    Job.objects.filter(pk=job.pk).update(billed=billed, billed_at=now)
    charged = job.hold.spend if job.hold.state == Hold.State.SETTLED else 0
    ours = f"${dollars(charged)} charged"
    if billed is None and charged:
        differ(Difference.Kind.NOT_THERE, ours=ours, theirs="no bill", now=now, job=job)
    elif billed and not charged:
        differ(Difference.Kind.BILLED_FAILURE, ours=ours, theirs=f"${dollars(billed)} billed", now=now, job=job)
    elif billed and billed > charged:
        differ(Difference.Kind.OTHER_PRICE, ours=ours, theirs=f"${dollars(billed)} billed", now=now, job=job)
