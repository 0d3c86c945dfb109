"""Measures a gunicorn on the database of DATABASE_URL; prints JSON. See tests.bench.web."""

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import django

django.setup()

from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from billing.models import User  # noqa: E402
from billing.money import LIMITS  # noqa: E402
from generation.models import Job, Status  # noqa: E402
from tests.bench.old import add_old_jobs, version  # noqa: E402
from tests.bench.web.load import Call, rate, time_of  # noqa: E402
from tests.make import make_job, make_key, make_plan, make_user  # noqa: E402

CLIENTS = 4
ROUNDS = 5
SECONDS = 2.0
FEW, MANY = 1_000, int(os.environ.get("BENCH_MANY", "1000000"))
TIMES = 30
PLENTY = 10**15
_BEHIND_TLS = {"X-Forwarded-Proto": "https"}
_WISH = {"model": "ltx-2-pro", "prompt": "A red fox in snow, slow pan", "duration": 8}


def main() -> None:
    """Measure and print."""
    call_command("migrate", verbosity=0)
    plan = make_plan(**{f"{limit}_limit": PLENTY for limit in LIMITS})
    callers = [make_user(plan=plan) for _ in range(CLIENTS)]
    owners = [make_user(plan=plan) for _ in range(2)]
    with _gunicorn() as port:
        rates = _rates(port, callers)
        for owner, number in zip(owners, (FEW, MANY), strict=True):
            add_old_jobs(owner, number, **_ENDED)
        pages = _pages(port, *owners)
    found = {"database": connection.display_name, "version": version(), "rates": rates, "pages": pages}
    facts = {"clients": CLIENTS, "rounds": ROUNDS, "seconds": SECONDS, "few": FEW, "many": MANY}
    json.dump(found | facts, sys.stdout)


# Most have a video, every eighth failed.
_ENDED = {
    "status": "CASE WHEN i %% 8 = 0 THEN 'failed' ELSE 'succeeded' END",
    "error_code": "CASE WHEN i %% 8 = 0 THEN 'provider_failed' ELSE '' END",
    "video": "'videos/x.mp4'",
    "poster": "'posters/x.jpg'",
    "width": "1920",
    "height": "1080",
    "duration": "6.0",
}


def _rates(port: int, users: list[User]) -> dict[str, float]:
    job = make_job(users[0], status=Status.RUNNING)
    by_key = [_BEHIND_TLS | {"Authorization": f"Bearer {make_key(user)[1]}"} for user in users]
    bare = f"/bare/{job.pk}"
    posts = [Call(method="POST", path="/api/v1/jobs", status=202, headers=key, body=_WISH) for key in by_key]
    calls = {
        "bare GET": CLIENTS * [Call(method="GET", path=bare, status=200, headers=_BEHIND_TLS)],
        "GET": CLIENTS * [Call(method="GET", path=f"/api/v1/jobs/{job.pk}", status=200, headers=by_key[0])],
        "bare POST": CLIENTS * [Call(method="POST", path=bare, status=202, headers=_BEHIND_TLS, body=_WISH)],
        "POST": posts,
        "POST of one": CLIENTS * posts[:1],
    }
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, of_clients in calls.items():
            found[name].append(rate(port, of_clients, seconds=SECONDS))
    # What the POSTs left in the queue would be counted in the pages that follow.
    Job.objects.filter(status=Status.QUEUED).update(status=Status.CANCELED, finished_at=timezone.now())
    return {name: statistics.median(rates) for name, rates in found.items()}


def _pages(port: int, few: User, many: User) -> dict[str, tuple[float, float]]:
    found = {}
    for name, path in {"list": "/api/v1/jobs", "failed": "/api/v1/jobs?status=failed", "gallery": "/gallery/"}.items():
        calls = [Call(method="GET", path=path, status=200, headers=_session_of(user)) for user in (few, many)]
        rounds = [[time_of(port, call, times=TIMES) for call in calls] for _ in range(ROUNDS)]
        found[name] = tuple(statistics.median(times) for times in zip(*rounds, strict=True))
    return found


def _session_of(user: User) -> dict[str, str]:
    """Sign the user in, as the sign-in page does."""
    session = SessionStore()
    session["_auth_user_id"] = str(user.pk)
    session["_auth_user_backend"] = "allauth.account.auth_backends.AuthenticationBackend"
    session["_auth_user_hash"] = user.get_session_auth_hash()
    session.create()
    return _BEHIND_TLS | {"Cookie": f"sessionid={session.session_key}"}


@contextlib.contextmanager
def _gunicorn() -> Iterator[int]:
    """Run the server as README advises while the block runs, and yield its port."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--threads", "8", "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen([*command, "--log-level", "warning"], env=os.environ)
    try:
        _wait_for(port, process)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError("gunicorn did not start")


if __name__ == "__main__":
    main()
