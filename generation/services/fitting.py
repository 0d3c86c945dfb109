"""Which predictions of the provider's list may be which job's, as far as anybody can tell.

Nothing here asks the provider, and nothing is written. A prediction may be that of any job whose submission has no
answer that we know, not only of an unknown one: a POST that is still under way, or whose worker was killed, has made
one as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from uuid import UUID

from django.db.models import Q

from generation.models import Job, JobQuerySet, Status
from generation.providers.predictions import Prediction
from generation.services.matching import AFTER, BEFORE, DRAWN, Made, Matches, Sent

_NAMED = 5  # of the other jobs that a prediction may belong to; all others are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prediction that may be an unknown job's, and the other jobs that it may belong to as well: the first few."""

    prediction: Prediction
    others: tuple[Job, ...]
    more_others: int
    is_being_sent: bool  # it may be the one of a POST that is still under way

    @property
    def same_prompt(self) -> bool | None:
        """Whether the list shows the job's prompt; None where it does not tell. One with another is no candidate."""
        return True if "prompt" in (self.prediction.inputs or {}) else None


def window(job: Job) -> tuple[datetime, datetime]:
    """Return between which moments the prediction of a job that has crossed the fence was created."""
    if job.submit_started_at is None:
        raise ValueError(f"Job {job.pk} was never sent.")
    return job.submit_started_at - BEFORE, job.submit_started_at + AFTER


def misfit(job: Job, prediction: Prediction) -> str:
    """Say why a prediction can't be the job's; nothing where it may be."""
    if prediction.model != job.model:
        return f"The prediction is of {prediction.model}; allowed: {job.model}."
    created_at = moment(prediction.created_at)
    if created_at is None:
        return "WaveSpeed does not say when it was created."
    since, until = window(job)
    if not since <= created_at <= until:
        return f"It was created at {created_at:%d %b %H:%M:%S}; allowed: {since:%H:%M:%S} to {until:%H:%M:%S}."
    told, wished = prediction.inputs or {}, job.video_model.inputs(job.prompt, job.parameters)
    others = [name for name, value in wished.items() if name in told and not _same(value, told[name])]
    return f"It was made with another {others[0]}." if others else ""


def candidates_of(jobs: Sequence[Job], listed: Sequence[Prediction]) -> dict[UUID, list[Candidate]]:
    """Return which predictions may be which of these jobs, all of one model, and belong to no other.

    The list must have been fetched before. Whoever has made what stands in it then either still waits for its answer
    and is read here, or has left that state with the prediction on its row.
    """
    free = _Free(jobs, listed)
    places = {prediction.id: place for place, prediction in enumerate(listed)}
    found = {job.pk: [free.candidate(job, prediction) for prediction in free.predictions_of(job)] for job in jobs}
    for mine in found.values():
        mine.sort(key=lambda candidate: places[candidate.prediction.id])
    return found


def only_fits(jobs: Sequence[Job], listed: Sequence[Prediction]) -> dict[UUID, Prediction]:
    """Return the predictions that are the only candidate of one of these jobs, and may be that of no other.

    As `candidates_of`, but in a time that hardly grows with how many candidates each has.
    """
    free = _Free(jobs, listed)
    found = {}
    for job in jobs:
        mine = list(islice(free.predictions_of(job), 2))
        if len(mine) == 1 and free.is_of_one(mine[0]):
            found[job.pk] = mine[0]
    return found


def unanswered(since: datetime, until: datetime) -> JobQuerySet:
    """Return the jobs of a time of which nobody knows whether they have a prediction, and which."""
    return _near(since, until).filter(status__in=[Status.SUBMITTING, Status.UNKNOWN])


def is_another_s(job: Job, prediction_id: str) -> bool:
    """Say whether another job has the prediction, or a webhook has named it for another of that time."""
    others = Job.objects.exclude(pk=job.pk)
    return others.filter(prediction_id=prediction_id).exists() or named_for_another(job, prediction_id)


def named_for_another(job: Job, prediction_id: str) -> bool:
    """Say whether a webhook has named the prediction for another job of that time."""
    return _near(*window(job)).filter(shown_id=prediction_id).exclude(pk=job.pk).exists()


def moment(text: str) -> datetime | None:
    """Read the provider's time, which may carry nanoseconds."""
    head, dot, rest = text.replace("Z", "+00:00").partition(".")
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        rest = f"{digits[:6].ljust(6, '0')}{rest[len(digits) :]}"
    try:
        read = datetime.fromisoformat(f"{head}{dot}{rest}")
    except ValueError:
        return None
    return read if read.tzinfo else None


def _near(since: datetime, until: datetime) -> JobQuerySet:
    """Return the jobs whose prediction may have been created in this time."""
    return Job.objects.filter(submit_started_at__gte=since - AFTER, submit_started_at__lte=until + BEFORE)


def _claimants(since: datetime, until: datetime) -> JobQuerySet:
    """Return the jobs of a time that a prediction without an owner may belong to.

    That an operator gave one up does not say that it has none; "never created" does.
    """
    given_up = Q(status=Status.FAILED, error_code="given_up", prediction_id__isnull=True)
    return unanswered(since, until) | _near(since, until).filter(given_up)


def _owners(ids: Sequence[str], since: datetime, until: datetime) -> dict[str, set[UUID]]:
    """Return whose these predictions are by our rows, or by a webhook that was signed for them."""
    owners: dict[str, set[UUID]] = {}
    for prediction_id, job_id in (
        *Job.objects.filter(prediction_id__in=ids).values_list("prediction_id", "pk"),
        *_near(since, until).filter(shown_id__in=ids).values_list("shown_id", "pk"),
    ):
        owners.setdefault(str(prediction_id), set()).add(job_id)
    return owners


class _Free:
    """What of a list may be that of jobs whose submission has no answer, these among them."""

    def __init__(self, jobs: Sequence[Job], listed: Sequence[Prediction]) -> None:
        since, until = min(window(job)[0] for job in jobs), max(window(job)[1] for job in jobs)
        claimants = list(_claimants(since, until).filter(model=jobs[0].model))
        # Read after the claimants: one that gets its answer in between is found here.
        owners = _owners([prediction.id for prediction in listed], since, until)
        self._sent = {job.pk: _sent(job) for job in claimants if not job.shown_id}
        self._made = {each.prediction.id: each for each in _made(listed, jobs[0].model)}
        self._named = _named(claimants, listed, owners)
        self._matches = Matches(self._sent.values(), [each for name, each in self._made.items() if name not in owners])

    def predictions_of(self, job: Job) -> Iterator[Prediction]:
        """Give the predictions that may be the job's."""
        sent = self._sent.get(job.pk)
        return chain(self._named[job.pk], self._matches.predictions_of(sent) if sent else ())

    def is_of_one(self, prediction: Prediction) -> bool:
        """Say whether it may be that of one job alone, as what a webhook has named is."""
        return self._matches.number_of_jobs(self._made[prediction.id]) <= 1

    def candidate(self, job: Job, prediction: Prediction) -> Candidate:
        """Say what an operator has to know of it."""
        made = self._made[prediction.id]
        first = [other for other in islice(self._matches.jobs_of(made), _NAMED + 1) if other != job]
        others = tuple(first[:_NAMED])
        more = max(self._matches.number_of_jobs(made) - 1 - len(others), 0)
        itself = job.pk in self._sent and self._sent[job.pk].job.status == Status.SUBMITTING
        being_sent = self._matches.number_being_sent(made) > itself
        return Candidate(prediction=prediction, others=others, more_others=more, is_being_sent=being_sent)


def _sent(job: Job) -> Sent:
    since, _ = window(job)
    return Sent(job=job, at=since + BEFORE, wish=job.video_model.inputs(job.prompt, job.parameters))


def _made(listed: Iterable[Prediction], model: str) -> Iterator[Made]:
    for prediction in listed:
        at = moment(prediction.created_at)
        if at is not None and prediction.model == model:
            yield Made(prediction=prediction, at=at)


def _named(
    claimants: Sequence[Job], listed: Sequence[Prediction], owners: Mapping[str, set[UUID]]
) -> dict[UUID, list[Prediction]]:
    """Return which predictions have an owner already, of whom they may be."""
    by_id = {job.pk: job for job in claimants}
    named: dict[UUID, list[Prediction]] = defaultdict(list)
    for prediction in listed:
        for owner in owners.get(prediction.id, ()):
            if owner in by_id and _may_have(by_id[owner], prediction, owners):
                named[owner].append(prediction)
    return named


def _may_have(job: Job, prediction: Prediction, owners: Mapping[str, set[UUID]]) -> bool:
    if job.shown_id not in {"", prediction.id} or owners.get(prediction.id, set()) - {job.pk}:
        return False
    return not misfit(job, prediction)


def _same(wished: object, told: object) -> bool:
    """Say whether the provider tells what was wished; a number or a yes may be told as text."""
    if isinstance(wished, str):
        return wished == told
    return wished in (told, DRAWN) or str(wished).casefold() == str(told).casefold()
