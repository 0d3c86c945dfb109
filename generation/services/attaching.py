"""Attaching: finding out which prediction is that of a job whose submission got no answer.

An unknown job is never sent again and never ended by time. Its prediction is the one that a webhook has named, or is
looked for in the provider's list: exactly one that fits it, that no other job has, and that fits no other job whose
submission has no answer (fitting.py). What a webhook has named is compared with the list as well, and forgotten where
it can't be the job's. Everything else is for an operator.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from math import inf
from time import monotonic
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q

from billing.services import Actor
from generation import clock
from generation.models import Job, Status
from generation.providers.errors import NotFound, ProviderError
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from generation.services.fitting import (
    Candidate,
    candidates_of,
    misfit,
    moment,
    named_for_another,
    only_fits,
    window,
)
from generation.services.hearing import hand_to_attach
from generation.services.listing import LISTED_FOR, listed
from generation.services.provider import wavespeed
from generation.services.transitions import locked, log, move, tell

_LOOKS = (timedelta(minutes=5), timedelta(hours=1))  # pauses between looks; the first is a minute after
_AROUND = timedelta(seconds=1)  # the list is asked for by whole seconds
_ABSENT_FOR = timedelta(minutes=4)  # less than between two looks: what was named and is not there is then forgotten
_LONGEST = 60.0  # seconds of looking at a time
_LONGEST_WINDOW = timedelta(minutes=20)  # for which one list is asked


class NotAttachable(Exception):
    """This prediction can't be the job's."""

    code = "not_attachable"


class Misfit(NotAttachable):
    """It can't be the job's, and never will be."""


class Absent(NotAttachable):
    """WaveSpeed does not know it, or not yet."""


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
    """Give an unknown job the prediction that a webhook named, after a look at it; False where it does not fit.

    Then the webhook is forgotten, and the job is looked for in the list as if none had come.
    """
    job = Job.objects.filter(pk=job_id, status=Status.UNKNOWN).exclude(shown_id="").first()
    return job is not None and _try(job, job.shown_id, wavespeed())


def look_for_unknown(now: datetime, *, all_of_them: bool = False, seconds: float | None = None) -> int:
    """Look for the unknown jobs that are due, and return how many were attached. Raises ProviderError.

    One list answers for jobs of about the same time, and each is attached as soon as it is found. Of those that are due
    only as many are looked for as a minute allows: the others stay due. `seconds` sets another time.
    """
    provider = wavespeed()
    unknown = Job.objects.under_way().filter(status=Status.UNKNOWN, submit_started_at__isnull=False)
    due = list(unknown if all_of_them else unknown.filter(_is_due(now)))
    until = monotonic() + (seconds if seconds is not None else inf if all_of_them else _LONGEST)
    attached, trouble = 0, None
    for together in _together(due):
        if monotonic() > until:
            break
        mine = [job for job in together if all_of_them or _claim(job, now)]
        try:
            attached += _look_for(mine, provider, inf if seconds is None else until)
        except ProviderError as error:
            trouble = error  # the next list may be one that it gives
            _look_again_soon(mine, now)
    if trouble:
        raise trouble
    return attached


def candidates(job: Job) -> list[Candidate]:
    """Return the predictions in the provider's list that fit a job and belong to no other. Raises ProviderError."""
    if job.submit_started_at is None:
        return []
    return candidates_of([job], _listed_around([job], wavespeed()))[job.pk]


def attach(job_id: UUID, prediction_id: str, *, by: Actor) -> Job:
    """Give an unknown job the prediction that an operator names. Raises NotAttachable, or ProviderError.

    The provider is asked first: model, time and whatever its list tells of the wish must fit, and it may neither belong
    to another job nor to one that is just being sent. What a webhook has named for the job is then forgotten. The job
    runs, and the watcher asks how far it is.
    """
    job, provider = Job.objects.get(pk=job_id), wavespeed()
    if job.status != Status.UNKNOWN:
        raise NotAttachable("The job is not unknown.")
    told = _compared(job, prediction_id, provider)
    if job.shown_id not in {"", told.id}:
        _forget_shown(job, by=by, reason=f"{by.name} names another.")
    found = candidates_of([job], [told])[job.pk]
    if not found:
        raise NotAttachable(f"{prediction_id} belongs to another job, or the job to another prediction.")
    if found[0].is_being_sent:
        raise NotAttachable("It may be that of a job that is just being sent. Look again in a minute or two.")
    return _give(job, told.id, by=by)


def _is_due(now: datetime) -> Q:
    return Q(due_at__isnull=True) | Q(due_at__lte=now)


def _together(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Put together the jobs for which one list is asked: of a model, with windows that overlap.

    First come those whose prediction a webhook has named, each by itself: they need no long list.
    """
    unnamed = []
    for job in jobs:
        if job.shown_id:
            yield [job]
        else:
            unnamed.append(job)
    group: list[Job] = []
    for job in sorted(unnamed, key=lambda job: (job.model, window(job))):
        if group and (job.model != group[0].model or not _overlap(group, job)):
            yield group
            group = []
        group.append(job)
    if group:
        yield group


def _overlap(group: Sequence[Job], job: Job) -> bool:
    since, until = window(job)
    return since <= window(group[-1])[1] and until - window(group[0])[0] <= _LONGEST_WINDOW


def _look_for(jobs: Sequence[Job], provider: WaveSpeed, stop_at: float) -> int:
    """Attach what is found of jobs that one list answers for, and return how many that were."""
    named, unnamed = [job for job in jobs if job.shown_id], [job for job in jobs if not job.shown_id]
    # What a webhook has named is no candidate of another job, whatever comes of this look at it.
    attached = sum(_try(job, job.shown_id, provider) for job in named)
    if not unnamed:
        return attached
    found = only_fits(unnamed, _listed_around(unnamed, provider, stop_at))
    return attached + sum(_try(job, found[job.pk].id, provider) for job in unnamed if job.pk in found)


def _asked(job: Job, prediction_id: str, provider: WaveSpeed) -> Prediction:
    """Look at a prediction before it becomes the job's: model and time must fit."""
    try:
        prediction = provider.result(prediction_id)
    except NotFound as error:
        raise Absent(f"WaveSpeed knows no prediction {prediction_id!r}.") from error
    if reason := misfit(job, prediction):
        raise Misfit(reason)
    return prediction


def _compared(job: Job, prediction_id: str, provider: WaveSpeed) -> Prediction:
    """Look at a prediction, and at it in the list, which may tell of what it was made: that must fit as well."""
    prediction = _asked(job, prediction_id, provider)
    created_at = moment(prediction.created_at)
    if created_at is None:  # then it is no fit
        return prediction
    around = listed(provider, since=created_at - _AROUND, until=created_at + _AROUND, model=job.model)
    told = next((each for each in around if each.id == prediction.id), prediction)
    if reason := misfit(job, told):
        raise Misfit(reason)
    return told


def _give(job: Job, prediction_id: str, *, by: Actor) -> Job:
    """Give an unknown job its prediction, which was looked at."""
    now = clock.now()
    fields = {"prediction_id": prediction_id, "submitted_at": job.submit_started_at, "due_at": now, "attempts": 0}
    fields |= {"shown_id": ""}
    try:
        with transaction.atomic():
            current = locked(job.pk, Status.UNKNOWN)
            if current is None:
                raise NotAttachable("The job is no longer unknown.")
            if named_for_another(current, prediction_id):
                raise NotAttachable(f"A webhook has named {prediction_id} for another job.")
            if current.shown_id not in {"", prediction_id}:
                raise NotAttachable(f"A webhook has meanwhile named {current.shown_id} for this job.")
            move(current, Status.RUNNING, now=now, by=by, note=f"Found at WaveSpeed as {prediction_id}.", **fields)
            return current
    except IntegrityError as error:
        raise Misfit(f"{prediction_id} belongs to another job.") from error


def _claim(job: Job, now: datetime) -> bool:
    """Take an unknown job that is due, and say when it is looked for next."""
    pause = _LOOKS[min(job.attempts, len(_LOOKS) - 1)]
    due = Job.objects.filter(_is_due(now), pk=job.pk, status=Status.UNKNOWN)
    return bool(due.update(due_at=now + pause, attempts=job.attempts + 1))


def _look_again_soon(jobs: Sequence[Job], now: datetime) -> None:
    soon = now + _LOOKS[0]
    Job.objects.filter(pk__in=[job.pk for job in jobs], status=Status.UNKNOWN, due_at__gt=soon).update(due_at=soon)


def _try(job: Job, prediction_id: str, provider: WaveSpeed) -> bool:
    """Give a job what was found for it. A webhook that has named what can't be its own is forgotten."""
    look = _compared if job.shown_id else _asked  # the other way it comes from the list
    by = Actor(name="watcher", request_id=job.request_id)
    try:
        _give(job, look(job, prediction_id, provider).id, by=by)
    except NotAttachable as error:
        log.warning("not attached", job_id=str(job.pk), prediction_id=prediction_id, error=str(error))
        is_long_absent = isinstance(error, Absent) and job.heard_at and clock.now() - job.heard_at > _ABSENT_FOR
        if job.shown_id and (isinstance(error, Misfit) or is_long_absent):
            _forget_shown(job, by=by, reason=str(error))
        return False
    except ProviderError as error:
        log.warning("not attached", job_id=str(job.pk), prediction_id=prediction_id, **error.signs())
        return False
    return True


def _forget_shown(job: Job, *, by: Actor, reason: str) -> None:
    """Drop what a webhook has named for an unknown job, so that the next one may name its own."""
    with transaction.atomic():
        unknown = Job.objects.filter(pk=job.pk, status=Status.UNKNOWN, shown_id=job.shown_id)
        if unknown.update(shown_id="", heard_at=None):
            note = f"A webhook had named {job.shown_id} for it, which is forgotten: {reason}"
            tell(job, now=clock.now(), by=by, note=note)


def _listed_around(jobs: Sequence[Job], provider: WaveSpeed, stop_at: float = inf) -> list[Prediction]:
    since, until = min(window(job)[0] for job in jobs), max(window(job)[1] for job in jobs)
    if since < clock.now() - LISTED_FOR:
        return []  # WaveSpeed no longer lists what was made then, and half a list is none
    return listed(provider, since=since, until=until, model=jobs[0].model, stop_at=stop_at)
