"""How the last jobs went: up to 2,000 that ended within 15 minutes, read by an index, in one statement.

Several web processes answer, so that nothing is counted in any of them.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from prometheus_client.core import GaugeMetricFamily

from generation.metrics.families import Row, gauge, quantiles
from generation.models import Job, Status

_WINDOW = timedelta(minutes=15)
_MOST = 2_000
_WAYS = ("poll", "webhook")
_COLUMNS = (
    *("model", "status", "error_code", "created_at", "submit_started_at", "submitted_at", "collecting_at"),
    *("finished_at", "heard_at", "rendered_ms", "polls"),
)


def recent(now: datetime) -> Iterator[GaugeMetricFamily]:
    """Yield what can be said of jobs that have ended of late."""
    jobs = list(Job.objects.filter(finished_at__gt=now - _WINDOW).order_by("-finished_at").only(*_COLUMNS)[:_MOST])
    ended = Counter((job.model, job.status, job.error_code) for job in jobs)
    text = f"Jobs that ended in the last 15 minutes, the last {_MOST} at most."
    yield gauge("recent_jobs", text, ["model", "status", "error"], [(labels, n) for labels, n in ended.items()])
    made = [job for job in jobs if job.status == Status.SUCCEEDED]
    by_model, by_way = ("model",), ("by",)
    yield _quantiles("queue_wait", "From the order to its submission.", by_model, made, _model, _queue_wait)
    yield _quantiles(
        "provider", "From the submission until we knew that it was made.", by_model, made, _model, _provider
    )
    yield _quantiles("collect", "From then until the video was stored and charged.", by_model, made, _model, _collect)
    text = "From the webhook, or else from the provider's end as it reckons it, until we knew."
    yield _quantiles("notice_delay", text, by_way, made, _way, _notice)
    polls = [row for way in _WAYS for row in quantiles([way], [job.polls for job in made if _way(job) == way])]
    yield gauge("recent_polls", "Questions about one job.", ["by", "quantile"], polls)
    ways = Counter(_way(job) for job in made)
    noticed = [((way,), ways[way]) for way in _WAYS]
    yield gauge("recent_noticed", "Videos noticed by webhook or by polling.", ["by"], noticed)


def _quantiles(
    name: str,
    text: str,
    labels: Sequence[str],
    jobs: list[Job],
    label: Callable[[Job], str],
    seconds: Callable[[Job], float | None],
) -> GaugeMetricFamily:
    found: dict[str, list[float]] = {}
    for job in jobs:
        number = seconds(job)
        if number is not None:
            found.setdefault(label(job), []).append(number)
    rows: list[Row] = [row for value, numbers in sorted(found.items()) for row in quantiles([value], numbers)]
    return gauge(f"recent_{name}_seconds", text, [*labels, "quantile"], rows)


def _model(job: Job) -> str:
    return job.model


def _way(job: Job) -> str:
    return "webhook" if job.heard_at else "poll"


def _queue_wait(job: Job) -> float | None:
    return _between(job.created_at, job.submit_started_at)


def _provider(job: Job) -> float | None:
    return _between(job.submitted_at, job.collecting_at)


def _collect(job: Job) -> float | None:
    return _between(job.collecting_at, job.finished_at)


def _notice(job: Job) -> float | None:
    if job.heard_at:
        return _between(job.heard_at, job.collecting_at)
    if job.submitted_at is None or job.rendered_ms is None:
        return None
    return _between(job.submitted_at + timedelta(milliseconds=job.rendered_ms), job.collecting_at)


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return max((end - start).total_seconds(), 0.0) if start and end else None
