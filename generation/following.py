"""Following predictions: due jobs are claimed, asked about, and what came is written down together.

Two threads write: ends without a video give money back, which may take long or wait for somebody, and neither videos
nor questions wait for that.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from time import monotonic
from traceback import extract_tb
from uuid import UUID

import aiohttp
import structlog
from django.conf import settings

from generation import services
from generation.models import Job
from generation.models.following import due_now
from generation.pacing import Budget
from generation.providers.errors import ProviderError, Unavailable
from generation.providers.predictions import Prediction
from generation.services import Answered
from generation.services.ending import end_some, hold_claims
from generation.services.provider import wavespeed_of_watcher
from generation.services.sparing import spare, write_down
from generation.supervisor import Signs
from generation.threads import database_thread

log = structlog.get_logger(__name__)

MOST_ASKED = 200  # questions on their way at a time, each over a connection of its own
_MOST_PATIENT = 150  # of them about jobs that wait long anyway, so that hung ones always leave places for the others
_LOOK_EVERY = 0.02  # seconds between two looks whether a job is due
_LOOK_AGAIN = 0.01  # the same, where one was due a moment ago: others end about now, too
_MOMENT = 2.0  # seconds
_LOCK, _STATEMENT = 3.0, 30.0  # seconds that a lock, and a statement, may take
_SHOWS_EVERY = 5.0  # seconds between two signs of life of who has nothing to write down
_AT_A_TIME = 1.0  # seconds of writing down ends between two looks at their leases


class Following:
    """Claims due jobs, asks about them, and writes down the answers."""

    THREADS = ("following", "ends")  # who give signs of life

    def __init__(self, session: aiohttp.ClientSession, budget: Budget, signs: Signs) -> None:
        self._session = session
        self._signs = signs
        self._provider = wavespeed_of_watcher()
        self._budget = budget
        self._ends = _Ends(signs)
        self._asked = 0
        self._patient = 0  # of those asked
        self._answers: list[Answered] = []
        self._came = asyncio.Event()
        self._due_at = 0.0  # when a job was last due

    async def run(self, stopping: Callable[[], bool]) -> None:
        """Follow until it is enough; what was asked is still written down."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._ends.run())
            await self._follow(stopping, group)
            self._ends.close()

    async def _follow(self, stopping: Callable[[], bool], group: asyncio.TaskGroup) -> None:
        async with database_thread(lock=_LOCK, statement=_STATEMENT) as thread:
            while not stopping() or self._asked or self._answers:
                room = 0 if stopping() else min(MOST_ASKED - self._asked, self._budget.left(monotonic()))
                jobs = await thread(partial(_follow, self._take(), room, _MOST_PATIENT - self._patient))
                self._signs.went_round("following")
                self._budget.take(len(jobs))
                self._due_at = monotonic() if jobs else self._due_at
                for job in jobs:
                    self._asked += 1
                    self._patient += job.is_patient
                    group.create_task(self._ask(job))
                await self._pause()

    async def _ask(self, job: Job) -> None:
        """Ask about one prediction; a slow answer keeps nobody else waiting, and an odd one harms nobody else."""
        ids = {"job_id": str(job.pk), "prediction_id": job.prediction_id, "request_id": job.request_id}
        asked_at = monotonic()
        try:
            prediction = await self._provider.fetch_result(self._session, str(job.prediction_id))
        except ProviderError as error:
            log.warning("no answer", **ids, **error.signs())
            if isinstance(error, Unavailable) and 429 in {error.status, error.code}:
                self._budget.refused(monotonic(), error.retry_after)  # our account asks too much, not this job
            answered = Answered(job=job, error=error)
        except Exception as error:  # noqa: BLE001 - an answer that nobody foresaw is as good as none
            # Without its message, which may quote the answer.
            at = extract_tb(error.__traceback__)[-1]
            log.warning("no answer", **ids, error=type(error).__name__, at=f"{at.filename}:{at.lineno}")
            answered = Answered(job=job, error=Unavailable("WaveSpeed gave an answer that could not be read."))
        else:
            self._budget.answered(asked_at)
            answered = Answered(job=job, prediction=prediction)
        self._asked -= 1
        self._patient -= job.is_patient
        self._answers.append(answered)
        self._came.set()

    def _take(self) -> list[Answered]:
        """Take the answers that came, but for those that are written down apart."""
        answers, self._answers = self._answers, []
        self._came.clear()
        self._ends.add([each for each in answers if each.has_ended and not each.is_made])
        return [each for each in answers if each.is_made or not each.has_ended]

    async def _pause(self) -> None:
        if self._answers:
            return
        try:
            is_idle = monotonic() - self._due_at > _MOMENT
            await asyncio.wait_for(self._came.wait(), _LOOK_EVERY if is_idle else _LOOK_AGAIN)
        except TimeoutError:
            return


class _Ends:
    """The ends without a video that wait to be written down, by a thread of their own."""

    def __init__(self, signs: Signs) -> None:
        self._signs = signs
        self._waiting: list[Answered] = []
        self._is_closed = False
        self._came = asyncio.Event()

    def add(self, ended: list[Answered]) -> None:
        if ended:
            self._waiting += ended
            self._came.set()

    def close(self) -> None:
        """Let `run` return once nothing waits."""
        self._is_closed = True
        self._came.set()

    async def run(self) -> None:
        """Write down what comes."""
        async with database_thread(lock=_LOCK, statement=_STATEMENT) as thread:
            while self._waiting or not self._is_closed:
                self._signs.went_round("ends")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._came.wait(), _SHOWS_EVERY)
                self._came.clear()
                leased_at = monotonic()
                while taken := self._waiting:
                    self._waiting = []
                    left = await thread(partial(end_some, taken, seconds=_AT_A_TIME))
                    self._signs.went_round("ends")
                    self._waiting = left + self._waiting
                    if monotonic() - leased_at > settings.POLL_LEASE / 4:
                        leased_at = monotonic()
                        await thread(partial(spare, "hold what waits", partial(hold_claims, tuple(self._waiting))))


def _follow(answers: list[Answered], room: int, patient: int) -> list[Job]:
    """Write down what came and return whom to ask about next, claimed."""
    made = {each.job.pk: each.prediction for each in answers if each.prediction is not None and each.is_made}
    write_down("hand a video to a collector", _made, made.items(), lambda item: f"job {item[0]}")
    going_on = [answered for answered in answers if not answered.has_ended]
    write_down("say when to look again", services.keep_waiting, going_on, lambda each: f"job {each.job.pk}")
    services.heed(going_on)
    now = due_now() if room > 0 else None
    return [] if now is None else _claimed(now, room, patient)


def _claimed(now: datetime, room: int, patient: int) -> list[Job]:
    """Claim as many as there is room for, and no more than so many of those that wait long."""
    lease, any_ = timedelta(seconds=settings.POLL_LEASE), min(room, patient)
    jobs = Job.objects.claim(now, lease, any_) if any_ > 0 else []
    if len(jobs) == max(any_, 0) < room:
        jobs += Job.objects.claim_impatient(now, lease, room - len(jobs))
    return jobs


def _made(made: list[tuple[UUID, Prediction]]) -> None:
    services.made(dict(made))
