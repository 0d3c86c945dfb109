"""
Lets an action happen many times at the same moment: in threads on PostgreSQL, in processes on SQLite.

    outcomes = race(create, [(user.pk,)] * 50)
    assert outcomes.count("InsufficientQuota") == 40
"""

import multiprocessing
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.synchronize import Barrier as ProcessBarrier

from django.db import IntegrityError, connection, connections

from billing.services import InsufficientQuota
from tests.concurrency import actions

Action = Callable[..., str]

_PROCESSES = 16
_PATIENCE = 120  # seconds


def race(action: Action, calls: Sequence[tuple[object, ...]]) -> list[str]:
    """Run the action once for each of `calls`, all at once, and return what came of each.

    That is what the action returned, or the name of the refusal. Any other exception is the test's.
    """
    if connection.vendor == "postgresql":
        actions.meeting = threading.Barrier(len(calls), timeout=_PATIENCE)  # each call has its own connection
        return _in_threads(action, calls)
    return _in_processes(action, calls)


def _in_threads(action: Action, calls: Sequence[tuple[object, ...]]) -> list[str]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(lambda call: _outcome(action, call), calls))


def _outcome(action: Action, call: tuple[object, ...]) -> str:
    """Do it once all are ready, on a connection of this thread's own."""
    try:
        connection.ensure_connection()
        actions.meeting.wait()
        return action(*call)
    except (InsufficientQuota, IntegrityError) as refusal:
        return type(refusal).__name__
    finally:
        connection.close()


def _in_processes(action: Action, calls: Sequence[tuple[object, ...]]) -> list[str]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.concurrency.child"])
    number = min(_PROCESSES, len(calls))
    meeting = context.Barrier(len(calls), timeout=_PATIENCE)
    arguments = (connection.settings_dict["NAME"], meeting)
    with ProcessPoolExecutor(number, context, initializer=_prepare, initargs=arguments) as processes:
        # None returns before all have met, so each process takes one batch.
        batches = [processes.submit(_in_threads, action, calls[place::number]) for place in range(number)]
        return [outcome for batch in batches for outcome in batch.result()]


def _prepare(database: str, meeting: ProcessBarrier) -> None:
    connections.settings["default"]["NAME"] = database
    actions.meeting = meeting
