"""Which predictions of the provider's list may be which job's, as far as anybody can tell.

Nothing here asks the provider, and nothing is written. A prediction may be that of any job whose submission has no
answer that we know, not only of an unknown one: a POST that is still under way, or whose worker was killed, has made
one as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q

from generation.models import Job, JobQuerySet, Status
from generation.providers.predictions import Prediction

_BEFORE = timedelta(seconds=30)  # clocks differ
_AFTER = timedelta(minutes=5)  # after the fence: the whole POST, and clocks that differ
_DRAWN = -1  # a seed that the provider draws: it may tell which


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A prediction that may be an unknown job's, and the other jobs that it may belong to as well."""

    prediction: Prediction
    others: tuple[Job, ...]

    @property
    def same_prompt(self) -> bool | None:
        """Whether the list shows the job's prompt; None where it does not tell. One with another is no candidate."""
        return True if "prompt" in (self.prediction.inputs or {}) else None

    @property
    def is_being_sent(self) -> bool:
        """Whether it may be the one of a POST that is still under way."""
        return any(job.status == Status.SUBMITTING for job in self.others)


def window(job: Job) -> tuple[datetime, datetime]:
    """Return between which moments the prediction of a job that has crossed the fence was created."""
    if job.submit_started_at is None:
        raise ValueError(f"Job {job.pk} was never sent.")
    return job.submit_started_at - _BEFORE, job.submit_started_at + _AFTER


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
    since, until = min(window(job)[0] for job in jobs), max(window(job)[1] for job in jobs)
    claimants = list(_claimants(since, until).filter(model=jobs[0].model))
    # Read after the claimants: one that gets its answer in between is found here.
    owners = _owners([prediction.id for prediction in listed], since, until)
    found: dict[UUID, list[Candidate]] = {job.pk: [] for job in jobs}
    for prediction in listed:
        mine = [job for job in claimants if _may_have(job, prediction, owners)]
        for job in mine:
            if job.pk in found:
                others = [other for other in mine if other != job]
                found[job.pk].append(Candidate(prediction=prediction, others=tuple(others)))
    return found


def unanswered(since: datetime, until: datetime) -> JobQuerySet:
    """Return the jobs of a time of which nobody knows whether they have a prediction, and which."""
    return _near(since, until).filter(status__in=[Status.SUBMITTING, Status.UNKNOWN])


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
    return Job.objects.filter(submit_started_at__gte=since - _AFTER, submit_started_at__lte=until + _BEFORE)


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


def _may_have(job: Job, prediction: Prediction, owners: Mapping[str, set[UUID]]) -> bool:
    if job.shown_id not in {"", prediction.id} or owners.get(prediction.id, set()) - {job.pk}:
        return False
    return not misfit(job, prediction)


def _same(wished: object, told: object) -> bool:
    """Say whether the provider tells what was wished; a number or a yes may be told as text."""
    if isinstance(wished, str):
        return wished == told
    return wished in (told, _DRAWN) or str(wished).casefold() == str(told).casefold()
