"""The processes of a measurement: what they take of the processor and of memory, each with its children."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from tests.bench.rig import ROOT

_SAMPLE_EVERY = 1.0  # seconds


class Fleet:
    """Processes by name; memory is sampled, since some end before all is over."""

    def __init__(self) -> None:
        self._roots: dict[str, psutil.Process] = {}
        self._started: list[subprocess.Popen[bytes]] = []
        self._peaks: dict[str, float] = {}
        self._before: dict[str, float] = {}
        self._done = threading.Event()
        self._sampler = threading.Thread(target=self._sample, daemon=True)

    def add(self, name: str, pid: int) -> None:
        """Count in a process that somebody else has started."""
        self._roots[name] = psutil.Process(pid)

    def start(self, name: str, *command: str) -> None:
        """Start a process that is ended with the block."""
        process = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=sys.stderr)
        self._started.append(process)
        self.add(name, process.pid)

    def mark(self) -> None:
        """Count the processor's time from here on."""
        self._before = {name: _cpu(root) for name, root in self._roots.items()}

    def cpu(self) -> dict[str, float]:
        """Return the seconds of the processor since the mark."""
        return {name: _cpu(root) - self._before[name] for name, root in self._roots.items()}

    def peaks(self) -> dict[str, float]:
        """Return the most megabytes that any one process of each name has had; of the watcher, the one that watches."""
        return dict(self._peaks)

    def close(self) -> None:
        """End what was started."""
        self._done.set()
        self._sampler.join()
        for process in self._started:
            process.terminate()
        for process in self._started:
            process.wait(60)

    def _sample(self) -> None:
        while not self._done.wait(_SAMPLE_EVERY):
            for name, root in self._roots.items():
                for process in _family(root):
                    with contextlib.suppress(OSError, IndexError):  # it has ended, buried or not
                        self._peaks[name] = max(self._peaks.get(name, 0.0), peak(process.pid))


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """Give an empty fleet; what it starts is ended with the block."""
    ships = Fleet()
    ships._sampler.start()
    try:
        yield ships
    finally:
        ships.close()


def peak(pid: int) -> float:
    """Return the most megabytes that a process has had."""
    return int(Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def own_cpu() -> float:
    """Return the seconds of the processor that this process has taken."""
    times = os.times()
    return times.user + times.system


def _family(root: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [root, *root.children(recursive=True)]
    return []


def _cpu(root: psutil.Process) -> float:
    """Add up what a process and its children have taken, those included that have ended and were waited for."""
    total = 0.0
    for process in _family(root):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            total += times.user + times.system + times.children_user + times.children_system
    return total
