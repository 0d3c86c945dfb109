"""Death between any two statements, told as an exception instead of the next statement."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import connection, transaction

T = TypeVar("T")


class Cut(Exception):
    """The process died here."""


@contextmanager
def cut_after(number: int) -> Iterator[None]:
    """Let so many statements through, raise Cut instead of the next one, and let through what rolls back."""
    left = [number]

    def pass_or_cut(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        left[0] -= 1
        if left[0] == -1:
            raise Cut
        return execute(sql, params, many, context)

    with connection.execute_wrapper(pass_or_cut):
        yield


def died_after(number: int, call: Callable[[], T]) -> bool:
    """Do the call, and say whether it died after that many statements; when it would not have, nothing is kept."""
    try:
        with transaction.atomic():
            with cut_after(number):
                call()
            transaction.set_rollback(True)
    except Cut:
        return True
    return False
