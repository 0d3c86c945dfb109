"""django-q2's cluster, made crash-only: when a child was killed or nothing moves any more, the whole group dies.

A killed child may have owned a semaphore of the queues, and then the cluster freezes for good (half the time, when the
child was idle). What is stopped or wedged looks healthy to django-q2, so each part shows that it goes round, in memory
that all processes of the group share. The parent starts the group anew. All this leans on internals: django-q2 is
pinned, and tests kill and stop every kind of process.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import RawValue
from multiprocessing.process import BaseProcess
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, connection
from django_q import cluster
from django_q.signals import post_execute, post_execute_in_worker

from generation.services.hinting import let_go
from generation.supervisor import Flag, die_with_parent

log = structlog.get_logger(__name__)

_STALLED_AFTER = 15.0  # seconds
_LOOK_EVERY = 0.1
_IDLE = -1  # what a worker's timer says while it waits

# Moments of the one clock that all processes have. Without locks: nobody can die with one.
_guarded = RawValue("d")  # the sentinel has gone round
_pushed = RawValue("d")  # the pusher has looked for hints, or no worker is free and nobody expects it to
_taken = RawValue("d")  # no hint waits for a worker that is free
_unacknowledged = RawValue("d")  # since when the monitor has acknowledged nothing of what was run; 0: it has


class _CrashOnlySentinel(cluster.Sentinel):  # type: ignore[misc]
    def reincarnate(self, process: BaseProcess) -> None:
        """Replace a child that ended by itself; die of one that was killed."""
        if process.exitcode is not None and process.exitcode < 0:
            _die("a child was killed; the group ends", pid=process.pid, exit_code=process.exitcode)
        super().reincarnate(process)

    def status(self) -> str:
        """Is asked in each round of the guard, and shows that there was one."""
        _guarded.value = now = time.monotonic()
        # Not through the timer's lock, with which a worker may have been stopped.
        free = any(worker.timer.get_obj().value == _IDLE for worker in self.pool)
        if not free:
            _pushed.value = now
        if not free or self.task_queue.empty():
            _taken.value = now
        return str(super().status())

    def spawn_pusher(self) -> BaseProcess:
        """Start the pusher, which shows each time that it has looked for hints."""
        _pushed.value = time.monotonic()
        self.broker.dequeue = _showing(partial(type(self.broker).dequeue, self.broker))
        process: BaseProcess = super().spawn_pusher()
        return process

    def spawn_monitor(self) -> BaseProcess:
        """Start the monitor, which owes nothing of what was run before."""
        _unacknowledged.value = 0
        process: BaseProcess = super().spawn_monitor()
        return process


def run_cluster() -> None:
    """Run the cluster that the environment's Q_CLUSTER_NAME names, as leader of a group, until SIGTERM."""
    die_with_parent()
    _let_go()
    cluster.Sentinel = _CrashOnlySentinel
    post_execute_in_worker.connect(_run)
    post_execute.connect(_acknowledged)
    group = cluster.Cluster()
    stopping = Flag()  # in place of the cluster's own handler, which could deadlock
    _guarded.value = _pushed.value = _taken.value = time.monotonic()
    group.start()
    while group.sentinel.is_alive() and not stopping():
        if stalled := _stalled():
            _die("nothing moves; the group ends", stalled=stalled)
        time.sleep(_LOOK_EVERY)
    if not stopping():
        _die("the sentinel is gone; the group ends", exit_code=group.sentinel.exitcode)
    group.stop()


def _let_go() -> None:
    """Have done by us what the group before us had in hand when it died; without a database, its leases run out."""
    try:
        let_go(os.environ["Q_CLUSTER_NAME"])
    except (OperationalError, InterfaceError):
        log.exception("hints in dead hands stay there until they are given out again")
    finally:
        connection.close()  # no child may have it, too


def _stalled() -> str:
    """Name what has not gone round for too long."""
    since = {"guard": _guarded.value, "pusher": _pushed.value, "workers": _taken.value}
    if waiting := _unacknowledged.value:
        since["monitor"] = waiting
    long_ago = time.monotonic() - _STALLED_AFTER
    return ", ".join(name for name, moment in since.items() if moment < long_ago)


def _die(reason: str, **facts: object) -> None:
    log.error(reason, **facts)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _showing(dequeue: Callable[[], Any]) -> Callable[[], Any]:
    def shown() -> Any:
        _pushed.value = time.monotonic()
        return dequeue()

    return shown


def _run(**facts: object) -> None:
    if not _unacknowledged.value:
        _unacknowledged.value = time.monotonic()


def _acknowledged(**facts: object) -> None:
    _unacknowledged.value = 0
