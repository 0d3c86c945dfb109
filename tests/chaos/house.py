"""All processes of Clapboard as they run in production, on a database of their own, each of them easy to kill."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from django.conf import settings

from tests.chaos.wire import Wire
from tests.postgres import Server
from tests.processes import Cluster, clusters_of, is_alive
from tests.sandbox import RunningSandbox, running_sandbox

_ROOT = Path(__file__).resolve().parent.parent.parent
_DRAINS_WITHIN = 60  # seconds
_GUNICORN = ("-m", "gunicorn", "config.wsgi", "--workers=2", "--threads=4", "--log-level=critical")


@dataclass
class House:
    """Web, worker and watcher beside a sandbox, a wire to it and, but for SQLite, a server."""

    sandbox: RunningSandbox
    wire: Wire
    server: Server | None
    listening: socket.socket
    manage: str
    way: str  # by which the end of a prediction is noticed: "polling", or "webhooks" too
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where web answers; whoever calls while it is started again waits."""
        return f"http://127.0.0.1:{self.listening.getsockname()[1]}"

    def start(self, *names: str) -> None:
        """Start "web", "worker" or "watch"."""
        number = self.listening.fileno()
        commands = {"web": [*_GUNICORN, f"--bind=fd://{number}"]}
        for name in names:
            command = [sys.executable, *commands.get(name, [self.manage, name])]
            self.processes[name] = subprocess.Popen(command, cwd=_ROOT, env=self._environment(), pass_fds=[number])

    def kill(self, name: str) -> None:
        """Kill one's first process and start it again."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()
        self.start(name)

    def below(self, name: str) -> list[psutil.Process]:
        """Return the children of one's first process."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return list(psutil.Process(self.processes[name].pid).children())
        return []

    def clusters(self) -> list[Cluster]:
        """Return the worker's groups, as far as they are complete just now."""
        return clusters_of(self.processes["worker"].pid)

    def is_busy(self, process: psutil.Process) -> bool:
        """Whether it speaks with the provider; each question has a connection of its own."""
        ports = {self.wire.port}
        with contextlib.suppress(psutil.Error):
            return any(one.raddr and one.raddr.port in ports for one in process.net_connections("tcp"))
        return False

    def stop(self) -> list[str]:
        """Ask all to end, and return the names of those that did not in time or left somebody behind."""
        families = {name: psutil.Process(process.pid).children(recursive=True) for name, process in self._living()}
        for _, process in self._living():
            process.terminate()
        deadline = time.monotonic() + _DRAINS_WITHIN
        while time.monotonic() < deadline and any(process.poll() is None for process in self.processes.values()):
            time.sleep(0.05)
        return [
            name
            for name, family in families.items()
            if self.processes[name].poll() is None or any(is_alive(member) for member in family)
        ]

    def end(self) -> None:
        """End what still runs, at once."""
        for process in self.processes.values():
            family = []
            with contextlib.suppress(psutil.NoSuchProcess):
                family = psutil.Process(process.pid).children(recursive=True)
            for member in (process, *family):
                with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
                    member.send_signal(signal.SIGKILL)
            process.wait()

    def _living(self) -> list[tuple[str, "subprocess.Popen[bytes]"]]:
        return [(name, process) for name, process in self.processes.items() if process.poll() is None]

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "WAVESPEED_URL": f"http://127.0.0.1:{self.wire.port}",
            "PUBLIC_URL": self.url if self.way == "webhooks" else "",
            "HAND_LEASE": "3",
            "POLL_LEASE": "5",
            "POLL_INTERVAL": "0.2",
            "WORKERS": "2",
            "COLLECT_WORKERS": "1",
        }


@contextlib.contextmanager
def house(server: Server | None, *, manage: str = "manage.py", way: str = "polling") -> Iterator[House]:
    """Give a house in which nothing runs yet but the sandbox; all of it is ended with the block.

    `manage` may be another script that takes its commands: a control without a guard.
    """
    with running_sandbox(seconds=0.5) as sandbox, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        wire = Wire(int(sandbox.url.rpartition(":")[2]))
        settings.WAVESPEED_URL = f"http://127.0.0.1:{wire.port}"  # for what this process asks itself
        rig = House(sandbox=sandbox, wire=wire, server=server, listening=listening, manage=manage, way=way)
        try:
            yield rig
        finally:
            rig.end()
            wire.close()
