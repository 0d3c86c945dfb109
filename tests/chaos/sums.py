"""What must be true after a storm. Each function yields a sentence for everything that is not."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Sum

from billing.ledger import differences
from billing.models import Hold, LedgerEntry, Period
from generation.models import FINAL, Job, JobEvent, Status, Upload
from tests.chaos.clients import Outcome
from tests.chaos.wishes import SUCCEEDED, Wish

Stats = dict[str, Any]


def complaints(wishes: list[Wish], outcomes: dict[int, Outcome], stats: Stats) -> list[str]:
    """Compare wishes, jobs, predictions, money and files, and say all that does not fit."""
    return [
        *_jobs_are_what_was_wished(wishes, outcomes),
        *_every_job_ended_as_it_should(wishes),
        *_predictions_are_those_of_jobs(stats),
        *_money_is_that_of_jobs(wishes),
        *_files_are_those_of_jobs(),
    ]


def history(job: Job) -> str:
    """Tell a job's story, a line an event."""
    lines = [f"{job.pk} {job.prompt!r}: {job.status} {job.error_code} {job.prediction_id}"]
    for event in job.events.all():
        lines.append(f"    {event.at:%H:%M:%S.%f} {event.from_status} -> {event.to_status} {event.actor}: {event.note}")
    return "\n".join(lines)


def posts_of(stats: Stats) -> int:
    """Return how often the provider was asked for a video, whatever it answered."""
    return int(stats["requests"].get("POST /api/v3/{model_id:path}", 0))


def brought(stats: Stats) -> int:
    """Return how often somebody began to bring a file to the provider."""
    return int(stats["requests"].get("POST /api/v3/media/uploads", 0))


def _jobs_are_what_was_wished(wishes: list[Wish], outcomes: dict[int, Outcome]) -> Iterator[str]:
    made = Counter(Job.objects.values_list("prompt", flat=True))
    for wish in wishes:
        allowed = {Outcome.MADE: {1}, Outcome.REFUSED: {0}}.get(outcomes.get(wish.number, Outcome.NOBODY_KNOWS), {0, 1})
        if made[wish.prompt] not in allowed:
            yield f"{wish}: {outcomes.get(wish.number)}, and there are {made[wish.prompt]} jobs"
    if strange := set(made) - {wish.prompt for wish in wishes}:
        yield f"jobs that nobody wished: {strange}"
    holds, jobs = set(Hold.objects.values_list("reference", flat=True)), set(Job.objects.values_list("pk", flat=True))
    if holds != jobs:
        yield f"holds without a job: {holds - jobs}; jobs without a hold: {jobs - holds}"


def _every_job_ended_as_it_should(wishes: list[Wish]) -> Iterator[str]:
    wished = {wish.prompt: wish for wish in wishes}
    for job in Job.objects.all():
        end = SUCCEEDED if job.status == Status.SUCCEEDED else job.error_code
        if job.status not in FINAL or end not in wished[job.prompt].ends:
            yield f"it should have ended as one of {sorted(wished[job.prompt].ends)}:\n{history(job)}"
        if job.events.filter(to_status__in=FINAL).count() != 1:
            yield f"it did not end once:\n{history(job)}"


def _predictions_are_those_of_jobs(stats: Stats) -> Iterator[str]:
    jobs = {job.prompt: job for job in Job.objects.all()}
    number = Counter(prediction["prompt"] for prediction in stats["predictions"])
    for prompt, times in number.items():
        if prompt not in jobs:
            yield f"{times} predictions without a job: {prompt!r}"
        elif times > 1:
            yield f"{times} predictions of one job:\n{history(jobs[prompt])}"
    for prediction in stats["predictions"]:
        job = jobs.get(prediction["prompt"])
        if job and job.prediction_id != prediction["id"]:
            yield f"its prediction is {prediction['id']}:\n{history(job)}"
    fences = JobEvent.objects.filter(to_status=Status.SUBMITTING).count()
    if posts_of(stats) > fences:
        yield f"{posts_of(stats)} POSTs behind {fences} fences"


def _money_is_that_of_jobs(wishes: list[Wish]) -> Iterator[str]:
    costs = {wish.prompt: wish.cost for wish in wishes}
    due = sum(costs[job.prompt] for job in Job.objects.filter(status=Status.SUCCEEDED))
    settled = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.SETTLE).aggregate(sum=Sum("spend"))["sum"] or 0
    spent = Period.objects.aggregate(sum=Sum("spend_spent"))["sum"] or 0
    if not due == settled == spent:
        yield f"succeeded x price is {due}, settled were {settled}, and periods say {spent}"
    states = {Status.SUCCEEDED: Hold.State.SETTLED, Status.FAILED: Hold.State.RELEASED}
    for job in Job.objects.select_related("hold"):
        if job.hold.state != states.get(Status(job.status), Hold.State.HELD):
            yield f"its hold is {job.hold.state}:\n{history(job)}"
    yield from map(str, differences())


def _files_are_those_of_jobs() -> Iterator[str]:
    root = Path(settings.MEDIA_ROOT)
    there = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    there |= {f"incoming/{path.name}" for path in (Path(settings.DATA_DIR) / "incoming").iterdir()}
    wanted: set[str] = set()
    for job in Job.objects.filter(status=Status.SUCCEEDED):
        wanted |= {str(job.video.name), str(job.poster.name)}
        path = root / str(job.video.name)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != job.sha256:
            yield f"its video is not the one that was stored:\n{history(job)}"
    for upload in Upload.objects.filter(deleted_at__isnull=True):
        wanted.add(str(upload.file.name))
        path = root / str(upload.file.name)
        if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != upload.sha256:
            yield f"the file of upload {upload.pk} is not the one that was sent"
    if there != wanted:
        yield f"files without a row: {sorted(there - wanted)}; rows without a file: {sorted(wanted - there)}"
    for job in Job.objects.exclude(upload=None).filter(upload__deleted_at__isnull=False):
        yield f"its upload is gone:\n{history(job)}"
