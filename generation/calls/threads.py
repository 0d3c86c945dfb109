"""How calls leave the event loop: the database in Django's one thread, what may take long in a few others."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections, connections

_P = ParamSpec("_P")
_R = TypeVar("_R")


async def ask(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Run a few quick queries. All calls share one thread and its connection."""

    def fresh() -> _R:
        close_old_connections()  # no request does it for us
        return function(*args, **kwargs)

    return await sync_to_async(fresh)()


async def aside(function: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs) -> _R:
    """Run what may take seconds, such as files, in a thread of the loop's bounded pool, so that nobody waits for it."""

    def closing() -> _R:
        try:
            return function(*args, **kwargs)
        finally:
            connections.close_all()  # this thread's own

    return await sync_to_async(closing, thread_sensitive=False)()


async def let_go() -> None:
    """Close the connection of the shared thread, where a process is done with calls and lives on."""
    await sync_to_async(connections.close_all)()
