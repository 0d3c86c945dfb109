"""One row that can't be written down must not keep the others from it.

Whatever happens to one is logged and told to operators, once a day for each kind of step, and is not tried again for a
moment; the caller goes on with the next. What a database that is gone does to one it does to all, and that is raised.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from enum import Enum
from functools import partial
from threading import Lock
from time import monotonic
from typing import TypeVar

import structlog
from django.db import Error, InterfaceError, OperationalError, connection

from generation import clock
from generation.models import Alert
from generation.services.noticing import alert

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Outcome(Enum):
    """What came of a step."""

    DONE = "done"
    KEPT_WAITING = "kept waiting"  # for a lock, or by a deadlock: others may wait for the same
    FAILED = "failed"  # for a reason of its own

    def __bool__(self) -> bool:
        """Say whether it was done."""
        return self is Outcome.DONE


_PAUSE = 10.0  # seconds in which what has failed is not tried again
_ONE_BY_ONE = 1.0  # seconds
_TOLD_AGAIN = timedelta(days=1)

_failed: dict[tuple[str, str], tuple[float, Outcome]] = {}  # when and how, the oldest first; of this process
_looking = Lock()  # all threads of the watcher share it


def spare(what: str, step: Callable[[], object], *, of: str = "") -> Outcome:
    """Do a step that may fail for itself alone, and say what came of it; not inside a transaction.

    `what` is what could not be done then, as in "end a job", and `of` which one. What has just failed is not tried,
    and what came of it then is returned.
    """
    if (before := _just_now(what, of)) is not None:
        return before
    try:
        step()
    except Exception as error:
        if _is_gone(error):
            raise
        waited = isinstance(error, OperationalError)
        outcome = _remember(what, of, Outcome.KEPT_WAITING if waited else Outcome.FAILED)
        if waited:
            # Kept waiting: for a lock, or by a deadlock. It is done another time, and nobody need be told.
            log.warning("kept waiting", what=what, of=of, error=type(error.__cause__ or error).__name__)
        else:
            log.exception("could not be done", what=what, of=of)
            _try_to_tell(what, of, error)
        return outcome
    return Outcome.DONE


def write_down(what: str, write: Callable[[list[T]], object], all_: Iterable[T], named: Callable[[T], str]) -> None:
    """Write all down at once; where that fails, one by one, so that only those fail that can't be written.

    Each may be kept waiting as long as a lock may take: that ends after about a second, and the others come again.
    """
    items = list(all_)
    if not items:
        return
    try:
        write(items)
    except Exception as error:
        if _is_gone(error):
            raise
        log.warning("one by one", what=what, error=type(error).__name__)
        one_by_one(what, lambda item: write([item]), items, named)


def one_by_one(what: str, step: Callable[[T], object], items: Sequence[T], named: Callable[[T], str]) -> None:
    """Do a step for each, but for about a second: what is left is left to whatever brings it again."""
    until = monotonic() + _ONE_BY_ONE
    for number, item in enumerate(items):
        if number and monotonic() >= until:
            log.warning("left for another time", what=what, number=len(items) - number)
            return
        spare(what, partial(step, item), of=named(item))


def _just_now(what: str, of: str) -> Outcome | None:
    """Return how it has failed a moment ago, if it has."""
    with _looking:
        over = monotonic() - _PAUSE
        while _failed and next(iter(_failed.values()))[0] < over:
            del _failed[next(iter(_failed))]
        return _failed[what, of][1] if (what, of) in _failed else None


def _remember(what: str, of: str, outcome: Outcome) -> Outcome:
    with _looking:
        _failed.pop((what, of), None)  # another thread's; what failed last stands last
        _failed[what, of] = monotonic(), outcome
    return outcome


def _is_gone(error: Exception) -> bool:
    """Say whether the database, or our connection, is away for everybody."""
    return isinstance(error, InterfaceError) or (isinstance(error, Error) and not connection.is_usable())


def _try_to_tell(what: str, of: str, error: Exception) -> None:
    """Tell operators; where not even that can be written down, the log has to do."""
    try:
        _tell(what, of, error)
    except Exception as another:
        if _is_gone(another):
            raise
        log.exception("could not be told", what=what, of=of)


def _tell(what: str, of: str, error: Exception) -> None:
    subject, now = f"The watcher could not {what}", clock.now()
    if Alert.objects.filter(kind=Alert.Kind.ENGINE, subject=subject, created_at__gt=now - _TOLD_AGAIN).exists():
        return
    text = (
        f"{of or what}: {type(error).__name__}\n\n"
        "It is tried again by itself, and everything else goes on. More of the same is told tomorrow, and at once in "
        "the watcher's log. Where it is a counter that does not fit, check_ledger names it."
    )
    alert(Alert.Kind.ENGINE, subject=subject, text=text, page="generation_job_changelist", now=now)
