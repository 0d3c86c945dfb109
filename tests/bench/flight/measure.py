"""One measurement on the database of DATABASE_URL: the whole engine and so many jobs at once; prints JSON."""

import json
import os
import socket
import sys
import time
from collections import Counter
from datetime import datetime
from typing import Any

import psutil

# Before the settings are read: the provider is told where to call.
_WAY, _SIZE, _SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
if _WAY == "webhooks":
    with socket.create_server(("127.0.0.1", 0)) as _free:
        _PORT = _free.getsockname()[1]
    os.environ["PUBLIC_URL"] = f"http://127.0.0.1:{_PORT}"

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from billing.ledger import differences  # noqa: E402
from billing.models import User  # noqa: E402
from generation import services  # noqa: E402
from generation.heart import BEATS  # noqa: E402
from generation.models import FINAL, Gate, Heartbeat, Job, JobEvent, Status  # noqa: E402
from tests.bench.flight.launching import launch  # noqa: E402
from tests.bench.flight.processes import Fleet, fleet  # noqa: E402
from tests.bench.flight.report import quantiles  # noqa: E402
from tests.make import ACTOR, make_plan, make_spec, make_user  # noqa: E402
from tests.sandbox import RunningSandbox  # noqa: E402

_WARM = 8  # jobs before all others: processes are up, and webhooks have been heard
_IDLE = 10  # seconds of nothing to do
_PATIENCE = 3600  # whoever started this has less
_API = ("POST /api/v3/{model_id:path}", "GET /api/v3/predictions/{prediction_id}/result")


def main() -> None:
    """Measure and print."""
    sandbox = RunningSandbox(url=os.environ["WAVESPEED_URL"], process=None)  # type: ignore[arg-type]
    call_command("migrate", verbosity=0)
    user = _provided()
    with fleet() as ships:
        _start(ships)
        if _WAY == "alone":
            _wait(lambda: Heartbeat.objects.filter(beat_at__isnull=False).exists())
        else:
            _warm_up(user, sandbox)
        idle = _idle(ships)
        ships.mark()
        before = sandbox.stats()["requests"]
        began = time.time()
        if _WAY == "alone":
            launch(user, _SIZE, _SECONDS)
        else:
            for number in range(_SIZE):
                if _WAY == "steady":
                    time.sleep(max(0.0, began + number * _SECONDS / _SIZE - time.time()))
                services.create(user, make_spec(f"A red fox, number {number}"), by=ACTOR)
        created = time.time()
        _wait(_is_over)
        ended = time.time()
        stats = sandbox.stats()
        cpu, peaks = ships.cpu(), ships.peaks()
    found = _found(began, stats, before)
    found["phases"] = {"created": created - began, **found["phases"]}
    found |= {"wall": ended - began, "cpu": cpu, "peaks": peaks, "idle": idle, "database": connection.display_name}
    json.dump(found, sys.stdout)


def _provided() -> User:
    """Give the benchmark a plan and a Gate of its own, which let everything through."""
    services.the_gate()
    Gate.objects.update(predictions_at_a_time=10 * _SIZE + 100, submissions_a_minute=1_000_000)
    return make_user(plan=make_plan(jobs_at_a_time=10 * _SIZE + 100))


def _is_over() -> bool:
    # Nobody collects for the watcher alone.
    collecting = [Status.COLLECTING] if _WAY == "alone" else []
    return not Job.objects.exclude(status__in=[*FINAL, *collecting]).exists()


def _start(ships: Fleet) -> None:
    ships.add("sandbox", int(sys.argv[4]))
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            ships.add("database", psutil.Process(cursor.fetchone()[0]).ppid())
    ships.start("watcher", "manage.py", "watch")
    if _WAY != "alone":
        ships.start("worker", "manage.py", "worker")
    if _WAY == "webhooks":
        options = ("--workers=2", "--threads=8", "--log-level=warning")
        ships.start("web", "-m", "gunicorn", "config.wsgi", f"--bind=127.0.0.1:{_PORT}", *options)


def _warm_up(user: User, sandbox: RunningSandbox) -> None:
    """Run a few short jobs of another length, so that the others' usual time stays what the catalogue says."""
    _wait(lambda: Heartbeat.objects.filter(beat_at__isnull=False).count() == len(BEATS))
    sandbox.set(seconds=1)
    for _ in range(_WARM):
        services.create(user, make_spec(duration=10), by=ACTOR)
    _wait(lambda: not Job.objects.exclude(status__in=FINAL).exists())
    sandbox.set(seconds=_SECONDS)


def _idle(ships: Fleet) -> dict[str, float]:
    """Return what share of a processor each takes with nothing to do."""
    ships.mark()
    time.sleep(_IDLE)
    return {name: seconds / _IDLE for name, seconds in ships.cpu().items()}


def _wait(condition: Any) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.5)


def _found(began: float, stats: dict[str, Any], before: dict[str, int]) -> dict[str, Any]:
    jobs = list(Job.objects.filter(hold__seconds=6))
    ends = {each["id"]: each["ended"] for each in stats["predictions"]}
    moved = JobEvent.objects.filter(from_status=Status.RUNNING, to_status=Status.COLLECTING)
    noticed = {job: at.timestamp() for job, at in moved.values_list("job", "at")}
    made = [job for job in jobs if job.status == (Status.COLLECTING if _WAY == "alone" else Status.SUCCEEDED)]
    requests = sum(stats["requests"].get(route, 0) - before.get(route, 0) for route in _API)
    return {
        "way": _WAY,
        "size": _SIZE,
        "seconds": _SECONDS,
        "in_flight": stats["most_running"],
        "ended": dict(Counter(job.status for job in jobs)),
        "notice": quantiles([noticed[job.pk] - ends[str(job.prediction_id)] for job in made]),
        "own": None if _WAY == "alone" else quantiles([_own(job, ends[str(job.prediction_id)]) for job in made]),
        "requests": requests / _SIZE,
        "most_polls": max(job.polls for job in jobs),
        # The holds of jobs that were put in flight by hand have no lines in the ledger.
        "differences": 0 if _WAY == "alone" else sum(1 for _ in differences()),
        "phases": {
            "submitted": max(_at(job.submitted_at) for job in made) - began,
            "rendered": max(ends[str(job.prediction_id)] for job in made) - began,
            "noticed": max(noticed[job.pk] for job in made) - began,
            "stored": None if _WAY == "alone" else max(_at(job.finished_at) for job in made) - began,
        },
    }


def _own(job: Job, rendered: float) -> float:
    return _at(job.submitted_at) - _at(job.created_at) + _at(job.finished_at) - rendered


def _at(moment: datetime | None) -> float:
    assert moment is not None
    return moment.timestamp()


if __name__ == "__main__":
    main()
