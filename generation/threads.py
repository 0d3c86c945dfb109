"""Threads of the watcher that talk to the database, each over a connection of its own."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from django.db import connection, connections

T = TypeVar("T")


@asynccontextmanager
async def database_thread(
    *, lock: float, statement: float = 0
) -> AsyncIterator[Callable[[Callable[[], T]], asyncio.Future[T]]]:
    """Give a thread whose connection is closed at the end.

    On PostgreSQL it waits for a lock for so many seconds, and a statement may take so many; 0: as long as it likes.
    """
    with ThreadPoolExecutor(1) as thread:
        run = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            await run(partial(_bound, lock, statement))
            yield run
        finally:
            await run(connections.close_all)


def _bound(lock: float, statement: float) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for name, seconds in (("lock_timeout", lock), ("statement_timeout", statement)):
                cursor.execute("SELECT set_config(%s, %s, false)", [name, f"{round(seconds * 1000)}"])
