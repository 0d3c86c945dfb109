"""The one process in which time passes: it follows, dispatches and sweeps. Several may run; leases keep them apart.

Whatever the rounds have to do for ten thousand queued jobs does not keep following waiting. What one row can't bear is
that row's alone (services.sparing). Whatever can't be mended here ends the process, such as a database that is gone;
its parent starts it anew, also where one of its threads no longer goes round.
"""

import asyncio
from collections.abc import Callable

import aiohttp
from django.conf import settings

from generation.following import MOST_ASKED, Following
from generation.pacing import Budget
from generation.rounds import Rounds
from generation.supervisor import Signs
from generation.threads import database_thread

_TURN_EVERY = 0.1  # seconds between two rounds
_LOCK = 10.0  # seconds that they wait for a lock: another watcher may dispatch


async def watch(stopping: Callable[[], bool]) -> None:
    """Run until `stopping` says so."""
    connector = aiohttp.TCPConnector(limit=MOST_ASKED, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session, asyncio.TaskGroup() as group:
        signs = Signs("rounds", *Following.THREADS)
        budget = Budget(rate=settings.POLL_BUDGET)
        group.create_task(_go_round(stopping, Rounds(budget), signs))
        group.create_task(Following(session, budget, signs).run(stopping))


async def _go_round(stopping: Callable[[], bool], rounds: Rounds, signs: Signs) -> None:
    async with database_thread(lock=_LOCK) as thread:
        while not stopping():
            await thread(rounds.turn)
            signs.went_round("rounds")
            await asyncio.sleep(_TURN_EVERY)
        await thread(rounds.leave)
