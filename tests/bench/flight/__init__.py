"""Thousands of jobs in flight: how soon their ends are noticed, and what following them costs.

    make bench ARGS="flight"            all sizes
    make bench ARGS="flight 100 1000"   these

FLIGHT_WAYS picks ways (polling, webhooks, steady, alone, sqlite, bare, naive; all but sqlite by default),
FLIGHT_SECONDS sets how long each prediction takes.
"""

import os
import sys
import tempfile
from typing import Any

from tests.bench.flight.report import report
from tests.bench.rig import DURABLE, Place
from tests.postgres import NoPostgres, running_postgres
from tests.sandbox import RunningSandbox, running_sandbox

# How many, and how long each takes: long enough that the last is sent before the first ends.
_SIZES = {100: 60, 1000: 60, 5000: 240, 10_000: 480}
_WAYS = ("polling", "webhooks", "steady", "alone", "bare", "naive")
# Not beyond: threads of one process; one writer; more a second than this machine sends and stores would be a burst.
_MOST = {"naive": 1000, "sqlite": 1000, "steady": 1000}
_A_SECOND = 5  # jobs that the slowest machine submits and collects
_MARGIN = 180  # seconds


def run(*sizes: str) -> str:
    """Measure every way at every size and return the report."""
    ways = os.environ.get("FLIGHT_WAYS", ",".join(_WAYS)).split(",")
    found: list[dict[str, Any]] = []
    left_out = ""
    for size in [int(size) for size in sizes] or list(_SIZES):
        for way in ways:
            if size > _MOST.get(way, size):
                continue
            try:
                found.append(_measured(way, size))
            except NoPostgres as error:
                left_out = f"\nPostgreSQL: left out, {error}.\n"
            else:
                _say(found[-1])
    return report(found) + left_out


def _measured(way: str, size: int) -> dict[str, Any]:
    """Measure one way at one size, with a sandbox and a database of its own."""
    seconds = float(os.environ.get("FLIGHT_SECONDS") or _seconds(size))
    options: dict[str, Any] = {"seconds": seconds, "balance": 1e6, "webhook_pause": 1.0}
    with tempfile.TemporaryDirectory(prefix="clapboard-bench-") as folder, running_sandbox(**options) as sandbox:
        if way in {"bare", "naive"}:
            place = Place(folder=folder, database_url="")
            return _told(place, "loops", way, size, seconds, sandbox)
        if way == "sqlite":
            place = Place(folder=folder, database_url=f"sqlite:///{folder}/bench.sqlite3")
            return _told(place, "measure", "polling", size, seconds, sandbox)
        with running_postgres(**DURABLE) as url:
            return _told(Place(folder=folder, database_url=url), "measure", way, size, seconds, sandbox)


def _told(place: Place, module: str, way: str, size: int, seconds: float, sandbox: RunningSandbox) -> dict[str, Any]:
    found: dict[str, Any] = place.measured(
        f"tests.bench.flight.{module}",
        *(way, str(size), str(seconds), str(sandbox.process.pid)),
        patience=seconds + size / _A_SECOND + _MARGIN,
        DEBUG="0",  # or every statement would be kept
        ALLOWED_HOSTS="127.0.0.1",
        SECURE_SSL_REDIRECT="0",
        WAVESPEED_URL=sandbox.url,
        WAVESPEED_API_KEY="bench-of-flight",
        WORKERS="2",
        COLLECT_WORKERS="2",
        SANDBOX_SECONDS=str(seconds),
        TIME_LIMIT="3600",  # nobody is late
    )
    return found


def _seconds(size: int) -> float:
    return next((seconds for most, seconds in _SIZES.items() if size <= most), max(_SIZES.values()))


def _say(found: dict[str, Any]) -> None:
    """Say how far it is: all of it takes long."""
    notice = found["notice"]
    sys.stderr.write(
        f"flight: {found['way']} {found['size']}: {found['wall']:.0f} s, noticed after {notice['median']:.3f} s, "
        f"{found['requests']:.1f} requests a job\n"
    )
    sys.stderr.flush()
