"""The real worker and watcher, as processes of their own on the database of the test."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
from django.conf import settings
from django.db import connection
from django_q.models import OrmQ

from generation.heart import BEATS
from generation.models import Heartbeat
from generation.services.collecting import COLLECT_CLUSTER

_ROOT = Path(__file__).resolve().parent.parent
_PATIENCE = 240  # seconds: a busy machine whose pages went to disk takes half a minute to start eight processes
_WEB = ("-m", "gunicorn", "config.wsgi", "--workers=2", "--threads=4", "--log-level=warning")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The processes of one of the worker's groups, `name` of its cluster."""

    name: str
    leader: psutil.Process
    sentinel: psutil.Process
    workers: list[psutil.Process]
    monitor: psutil.Process
    pusher: psutil.Process


def clusters_of(worker: int) -> list[Cluster]:
    """Return the groups of a worker by its process id, as far as they are complete just now."""
    leaders: list[psutil.Process] = []
    with suppress(psutil.NoSuchProcess):
        leaders = psutil.Process(worker).children()
    return [cluster for leader in leaders if (cluster := cluster_of(leader))]


def cluster_of(leader: psutil.Process) -> Cluster | None:
    """Return the cluster whose first process this is; None when it is not complete just now.

    Who is who follows from the order in which they are started.
    """
    with suppress(psutil.Error, ValueError, KeyError):
        environment = leader.environ()
        name = environment["Q_CLUSTER_NAME"]
        (sentinel,) = leader.children()
        *workers, monitor, pusher = sorted(sentinel.children(), key=lambda process: process.pid)
        if len(workers) == int(environment["COLLECT_WORKERS" if name == COLLECT_CLUSTER else "WORKERS"]):
            return Cluster(name=name, leader=leader, sentinel=sentinel, workers=workers, monitor=monitor, pusher=pusher)
    return None


@dataclass
class Engine:
    """Worker, watcher and web, each started and ended by name; what is left is ended with the block."""

    environment: dict[str, str]
    listening: socket.socket
    log: IO[bytes] | None = None  # where their lines go; None: to those of the tests
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, *names: str) -> None:
        """Start "worker", "watch" or "web"."""
        number = self.listening.fileno()
        for name in names:
            command = [*_WEB, f"--bind=fd://{number}"] if name == "web" else [str(_ROOT / "manage.py"), name]
            self.processes[name] = subprocess.Popen(
                [sys.executable, *command],
                cwd=_ROOT,
                env=self.environment,
                pass_fds=[number],
                stdout=self.log,
                stderr=self.log,
            )

    @property
    def url(self) -> str:
        """Where web answers; who calls before it is up waits for it."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def be_called(self) -> None:
        """Let submissions of what is started from now on ask the provider to call web."""
        self.environment["PUBLIC_URL"] = self.url

    def kill(self, name: str) -> None:
        """Kill -9 the parent; what it started goes with it."""
        process = self.processes.pop(name)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.wait()
        wait_until(lambda: not any(is_alive(child) for child in family), "its children died too")

    def cluster(self, name: str) -> Cluster:
        """Return the group of the worker that runs this cluster, once it is complete."""
        pid = self.processes["worker"].pid
        wait_until(lambda: name in {cluster.name for cluster in clusters_of(pid)}, f"the group {name}")
        return next(cluster for cluster in clusters_of(pid) if cluster.name == name)

    def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(_PATIENCE)
        self.processes.clear()


def is_alive(process: psutil.Process) -> bool:
    """Say whether it still runs; who was killed and not yet buried does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def engine(sandbox_url: str, **environment: str) -> Iterator[Engine]:
    """Give an engine on the test's database whose provider is that sandbox; needs transactional_db."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        rig = Engine(environment={**_environment(sandbox_url), **environment}, listening=listening)
        try:
            yield rig
        finally:
            for name, process in rig.processes.items():
                # A killed parent's children go with it, but for gunicorn's.
                process.send_signal(signal.SIGQUIT if name == "web" else signal.SIGKILL)
                process.wait(_PATIENCE)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition, and fail with its name when it does not come."""
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}\n{_scene()}"
        time.sleep(0.02)


def _scene() -> str:
    """Tell what there is instead: who has beaten, which hints wait, what runs and for what it waits."""
    lines = [f"heartbeat {beat}" for beat in Heartbeat.objects.values()]
    lines += [f"hint {hint}" for hint in OrmQ.objects.values("id", "key", "lock")]
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, OSError):
            waits_in = Path(f"/proc/{process.pid}/wchan").read_text()
            words = " ".join(process.cmdline()[1:5])
            lines.append(
                f"process {process.pid} of {process.ppid()}: {words}; {process.status()} in {waits_in or 'nothing'}, "
                f"{sum(process.cpu_times()[:2]):.1f} s of CPU, {time.time() - process.create_time():.0f} s old"
            )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid, state, wait_event_type, wait_event, now() - state_change, pg_blocking_pids(pid), "
                "left(query, 200) FROM pg_stat_activity WHERE datname = current_database()"
            )
            lines += [f"connection {row}" for row in cursor.fetchall()]
    return "\n".join(lines)


def wait_for_life() -> None:
    """Wait until watcher and both clusters have beaten."""
    wait_until(lambda: Heartbeat.objects.filter(beat_at__isnull=False).count() == len(BEATS), "all beat")


def _environment(sandbox_url: str) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        "READ_ENV_FILES": "0",
        "DATABASE_URL": _database_url(),
        "CLAPBOARD_DATA": str(settings.DATA_DIR),
        "MEDIA_ROOT": str(settings.MEDIA_ROOT),
        "WAVESPEED_URL": sandbox_url,
        "SANDBOX": "1",
        "HAND_LEASE": "2",
        "POLL_INTERVAL": "0.1",
        "SANDBOX_SECONDS": "0.2",
        "WORKERS": "2",
        "COLLECT_WORKERS": "1",
    }


def _database_url() -> str:
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    return (
        f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
