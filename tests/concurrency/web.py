"""The real web process, gunicorn with several processes and threads, on the test's database."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

from tests.processes import _database_url

LOCK = 20260822
"""Of PostgreSQL: while the test holds it, the Clapboard of naive.py compares and does not add."""

_ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE = 120  # seconds
_STOPS_WITHIN = 10
_OPTIONS = ["--workers=2", "--threads=24", "--worker-class=gthread", f"--timeout={_PATIENCE}", "--log-level=warning"]


@contextlib.contextmanager
def running_web(application: str = "config.wsgi:application") -> Iterator[str]:
    """Serve on a free port of 127.0.0.1 while the block runs, and yield the address; needs transactional_db.

    Two processes, each with threads enough for twenty requests at once, however they are shared out.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        # It listens from now on: who calls before gunicorn is up waits for it.
        listening.listen(64)
        number = listening.fileno()
        command = [sys.executable, "-m", "gunicorn", application, f"--bind=fd://{number}", *_OPTIONS]
        environment = os.environ | {"DATABASE_URL": _database_url(), "DJANGO_SETTINGS_MODULE": "config.settings"}
        process = subprocess.Popen(command, cwd=_ROOT, env=environment, pass_fds=[number])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.send_signal(signal.SIGINT)  # at once: what still waits has failed
            try:
                process.wait(_STOPS_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def post_at_once(url: str, key: str, number: int) -> list[requests.Response]:
    """Order the same video many times at the same moment."""
    meeting = threading.Barrier(number, timeout=_PATIENCE)

    def post(_: int) -> requests.Response:
        meeting.wait()
        return requests.post(
            f"{url}/api/v1/jobs",
            json={"model": "ltx-2-pro", "prompt": "A red fox in snow"},
            headers={"Authorization": f"Bearer {key}"},
            timeout=_PATIENCE,
        )

    with ThreadPoolExecutor(number) as threads:
        return list(threads.map(post, range(number)))
