"""The one process in which time passes: it dispatches, polls and sweeps. Several may run; leases keep them apart.

Two threads talk to the database, each over a connection of its own: one follows the predictions, and whatever the other
has to do for ten thousand queued jobs does not keep it waiting. Whatever can't be mended here ends the process, such as
a database that is gone; its parent starts it anew.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from traceback import extract_tb
from typing import TypeVar

import aiohttp
import structlog
from django.conf import settings
from django.db import connections

from billing import services as billing
from generation import clock, heart, services
from generation.models import Job, Status
from generation.models.following import due_now
from generation.notices import hand_notices
from generation.pacing import Budget
from generation.providers.errors import ProviderError, Unavailable
from generation.services import Answered, errands
from generation.services.daily import ensure_chores, hand_chores
from generation.services.provider import wavespeed_of_watcher

log = structlog.get_logger(__name__)

T = TypeVar("T")

_LOOK_EVERY = 0.02  # seconds between two looks whether a job is due
_LOOK_AGAIN = 0.01  # the same, where one was due a moment ago: others end about now, too
_MOMENT = 2.0  # seconds
_TURN_EVERY = 0.1  # seconds between two rounds of all the rest
_SWEEP_EVERY = timedelta(seconds=1)
_BEAT_EVERY = timedelta(seconds=5)
_BALANCE_EVERY = timedelta(minutes=3)
_TELL_EVERY = timedelta(seconds=10)
_TIDY_EVERY = timedelta(minutes=5)
_MOST_ASKED = 200  # questions on their way at a time, each over a connection of its own
_MOST_ENDED = 50  # ends that are written down between two looks: those without a video take a transaction each


async def watch(stopping: Callable[[], bool]) -> None:
    """Run until `stopping` says so."""
    connector = aiohttp.TCPConnector(limit=_MOST_ASKED, keepalive_timeout=60)
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session, asyncio.TaskGroup() as group:
        group.create_task(_go_round(stopping))
        group.create_task(_Following(session).run(stopping))


async def _go_round(stopping: Callable[[], bool]) -> None:
    rounds = _Rounds()
    async with _database() as thread:
        while not stopping():
            await thread(rounds.turn)
            await asyncio.sleep(_TURN_EVERY)


@asynccontextmanager
async def _database() -> AsyncIterator[Callable[[Callable[[], T]], asyncio.Future[T]]]:
    """Give a thread that has its own connections, closed at the end."""
    with ThreadPoolExecutor(1) as thread:
        run = partial(asyncio.get_running_loop().run_in_executor, thread)
        try:
            yield run
        finally:
            await run(connections.close_all)


class _Following:
    """Claims due jobs, asks about them, and writes down the answers together."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._provider = wavespeed_of_watcher()
        self._budget = Budget(rate=settings.POLL_BUDGET)
        self._asked = 0
        self._answers: list[Answered] = []
        self._came = asyncio.Event()
        self._due_at = 0.0  # when a job was last due

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until it is enough; what was asked is still written down."""
        async with _database() as thread, asyncio.TaskGroup() as group:
            while not stopping() or self._asked or self._answers:
                room = 0 if stopping() else min(_MOST_ASKED - self._asked, self._budget.left(_steady()))
                jobs = await thread(partial(_follow, self._some_answers(), room))
                self._budget.take(len(jobs))
                self._due_at = _steady() if jobs else self._due_at
                for job in jobs:
                    self._asked += 1
                    group.create_task(self._ask(job))
                await self._pause()

    async def _ask(self, job: Job) -> None:
        """Ask about one prediction; a slow answer keeps nobody else waiting, and an odd one harms nobody else."""
        ids = {"job_id": str(job.pk), "prediction_id": job.prediction_id, "request_id": job.request_id}
        try:
            prediction = await self._provider.fetch_result(self._session, str(job.prediction_id))
        except ProviderError as error:
            log.warning("no answer", **ids, **error.signs())
            if isinstance(error, Unavailable) and error.status == 429 and error.retry_after:
                self._budget.pause(_steady(), error.retry_after)  # it is our account that asks too much, not this job
            answered = Answered(job=job, error=error)
        except Exception as error:  # noqa: BLE001 - an answer that nobody foresaw is as good as none
            # Without its message, which may quote the answer.
            at = extract_tb(error.__traceback__)[-1]
            log.warning("no answer", **ids, error=type(error).__name__, at=f"{at.filename}:{at.lineno}")
            answered = Answered(job=job, error=Unavailable("WaveSpeed gave an answer that could not be read."))
        else:
            answered = Answered(job=job, prediction=prediction)
        self._asked -= 1
        self._answers.append(answered)
        self._came.set()

    def _some_answers(self) -> list[Answered]:
        """Take the answers that came, but not too many ends: somebody may be due at once."""
        ended = [each for each in self._answers if each.has_ended]
        kept = ended[_MOST_ENDED:]
        taken = [each for each in self._answers if not each.has_ended] + ended[:_MOST_ENDED]
        self._answers = kept
        self._came.clear()
        return taken

    async def _pause(self) -> None:
        if self._answers:
            return
        try:
            is_idle = _steady() - self._due_at > _MOMENT
            await asyncio.wait_for(self._came.wait(), _LOOK_EVERY if is_idle else _LOOK_AGAIN)
        except TimeoutError:
            return


def _steady() -> float:
    return asyncio.get_running_loop().time()


def _follow(answers: list[Answered], room: int) -> list[Job]:
    """Write down what came and return whom to ask about next, claimed."""
    made = {each.job.pk: each.prediction for each in answers if each.prediction is not None and each.is_made}
    if made:
        services.made(made)
    for each in answers:
        if each.prediction is not None and each.has_ended and not each.is_made:
            services.polled(each.job.pk, each.prediction)
    if going_on := [answered for answered in answers if not answered.has_ended]:
        services.keep_waiting(going_on)
    now = due_now() if room > 0 else None
    return [] if now is None else Job.objects.claim(now, timedelta(seconds=settings.POLL_LEASE), room)


class _Rounds:
    """What is done each time around, and what only now and then."""

    def __init__(self) -> None:
        self._swept_at: datetime | None = None
        self._beat_at: datetime | None = None
        self._tidied_at: datetime | None = None
        self._told_at: datetime | None = None
        self._balanced_at: datetime | None = None

    def turn(self) -> None:
        """Dispatch, sweep and beat as is due."""
        now = clock.now()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            services.sweep()
            billing.expire_all_grants(now)
        if self._balanced_at is None or now - self._balanced_at >= _BALANCE_EVERY:
            self._balanced_at = now
            errands.hand("heed_balance")
        if self._told_at is None or now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            hand_notices(now)
            hand_chores(now)
            if Job.objects.filter(status=Status.UNKNOWN, due_at__lte=now).exists():
                errands.hand("look_for_unknown")
        if self._beat_at is None or now - self._beat_at >= _BEAT_EVERY:
            self._beat_at = now
            heart.beat(now)
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            errands.hand("remove_what_is_left")  # a storage that is away must not hold up the watcher
            ensure_chores(now)
        services.dispatch()
