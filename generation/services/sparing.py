"""One row that can't be written down must not keep the others from it.

Whatever happens to one is logged and told to operators, once a day for each kind of step, and is not tried again for a
moment; the caller goes on with the next. What a database that is gone does to one it does to all, and that is raised.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta
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

_PAUSE = 10.0  # seconds in which what has failed is not tried again
_TOLD_AGAIN = timedelta(days=1)

_failed: dict[tuple[str, str], float] = {}  # when what was last tried and failed, the oldest first; of this process
_looking = Lock()  # all threads of the watcher share it


def spare(what: str, step: Callable[[], object], *, of: str = "") -> bool:
    """Do a step that may fail for itself alone, and say whether it was done; not inside a transaction.

    `what` is what could not be done then, as in "end a job", and `of` which one.
    """
    if _has_just_failed(what, of):
        return False
    try:
        step()
    except Exception as error:
        if _is_gone(error):
            raise
        _remember(what, of)
        if isinstance(error, OperationalError):
            # Kept waiting: for a lock, or by a deadlock. It is done another time, and nobody need be told.
            log.warning("kept waiting", what=what, of=of, error=type(error.__cause__ or error).__name__)
        else:
            log.exception("could not be done", what=what, of=of)
            _try_to_tell(what, of, error)
        return False
    return True


def write_down(what: str, write: Callable[[list[T]], object], all_: Iterable[T], named: Callable[[T], str]) -> None:
    """Write all down at once; where that fails, one by one, so that only those fail that can't be written."""
    items = list(all_)
    if not items:
        return
    try:
        write(items)
    except Exception as error:
        if _is_gone(error):
            raise
        log.warning("one by one", what=what, error=type(error).__name__)
        for item in items:
            spare(what, lambda item=item: write([item]), of=named(item))  # type: ignore[misc]


def _has_just_failed(what: str, of: str) -> bool:
    with _looking:
        over = monotonic() - _PAUSE
        while _failed and next(iter(_failed.values())) < over:
            del _failed[next(iter(_failed))]
        return (what, of) in _failed


def _remember(what: str, of: str) -> None:
    with _looking:
        _failed.pop((what, of), None)  # another thread's; what failed last stands last
        _failed[what, of] = monotonic()


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
