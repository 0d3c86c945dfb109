"""The control beside our worker: django-q2's own `qcluster`, on the same database, with the same settings."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from tests.processes import Cluster, cluster_of, wait_until

_ROOT = Path(__file__).resolve().parent.parent.parent
_COMMAND = (sys.executable, str(_ROOT / "manage.py"), "qcluster")


@contextmanager
def plain_cluster(name: str, environment: dict[str, str], log: Path) -> Iterator[psutil.Process]:
    """Run a plain cluster for the hints of this name, and give its first process.

    It is never asked to end, since a frozen one hangs: kill -9 for its whole process group ends the block.
    """
    with log.open("wb") as lines:
        process = subprocess.Popen(
            _COMMAND,
            cwd=_ROOT,
            env=environment | {"Q_CLUSTER_NAME": name},
            stdin=subprocess.DEVNULL,
            stdout=lines,
            stderr=lines,
            start_new_session=True,
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # whose leader is not buried yet: the number is still its own
            process.wait()


def complete(leader: psutil.Process) -> Cluster:
    """Return the plain cluster as it is once nobody is missing."""
    found: list[Cluster] = []

    def look() -> bool:
        found.extend(filter(None, [cluster_of(leader)]))
        return bool(found)

    wait_until(look, "a complete plain cluster")
    return found[0]
