"""Wait for a job without holding up anything: look at its row, tell how far it is, say how it ended."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import InterfaceError, OperationalError

from billing.money import dollars
from generation import clock, heart
from generation.calls.errors import START, Canceled, Failed, JobError, Refused, TimedOut
from generation.calls.threads import ask
from generation.models import Job, Status
from generation.progress import MESSAGES, message, progress

log = structlog.get_logger(__name__)

Callback = Callable[[int, str], object]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 0.5  # seconds between two looks
_HINTED_AFTER = timedelta(seconds=12)  # two beats are missing; what is made is refused only after 30 s
_STORING = 90
_READY = 100
_STAGES = (
    (10, "WaveSpeed has it."),
    (20, MESSAGES[Status.RUNNING]),
    (_STORING, MESSAGES[Status.COLLECTING]),
)
_REFUSALS = {"moderated", "refused", "media_unreadable"}  # codes of jobs that the provider would not make


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A job at one moment: its row, percent, and the sentence that belongs to it."""

    job: Job
    percent: int
    message: str


class Stages:
    """Tells a callback how far a job is: 10, 20 to 80, 90, 100. What passed between two looks is told, once, in order.

    The callback may be a coroutine function. What it raises is logged and goes no further.
    """

    def __init__(self, callback: Callback | None) -> None:
        self._callback = callback
        self._last = 0

    async def reach(self, percent: int, words: str) -> None:
        """Tell the stages up to this number, and the number; nothing when it is not above the last one."""
        for stage, passed in _STAGES:
            if stage < percent:
                await self._tell(stage, passed)
        await self._tell(percent, words)

    async def end(self, job: Job) -> None:
        """Tell that the caller has the video."""
        await self.reach(_READY, message(job))

    async def _tell(self, percent: int, words: str) -> None:
        if percent <= self._last:
            return
        self._last = percent
        if self._callback is None:
            return
        try:
            told = self._callback(percent, words)
            if inspect.isawaitable(told):
                await told
        except Exception:  # it is the caller's, and a paid job must not be lost over it
            log.exception("progress callback failed", percent=percent)


async def looks(job_id: UUID) -> AsyncIterator[Look]:
    """Give a look at the job at once and then in growing intervals of up to half a second, until it has ended.

    While the database is away nothing is seen, and nothing is lost.
    """
    pause = _FIRST_PAUSE
    while True:
        try:
            look = await ask(_look, job_id)
        except (OperationalError, InterfaceError) as error:
            log.warning("database away while waiting", job_id=str(job_id), error=type(error).__name__)
        else:
            yield look
            if look.job.is_final:
                return
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)


async def wait(job: Job, stages: Stages, seconds: float | None) -> Job:
    """Wait until the job has a stored video, for at most so many seconds, and return it.

    Raises TimedOut, and the job goes on; or Canceled, Failed or Refused, and nothing was charged.
    """
    try:
        async with asyncio.timeout(seconds):
            async for look in looks(job.pk):
                job = look.job
                percent = min(look.percent, _STORING)  # it is ready when the caller has it
                words = MESSAGES[Status.COLLECTING] if percent < look.percent else look.message
                await stages.reach(percent, words)
    except TimeoutError:
        if not job.is_final:
            raise _timed_out(job, seconds or 0.0) from None
    if error := ending(job):
        raise error
    return job


def ending(job: Job) -> JobError | None:
    """Return the error that an ended job is for its caller; None where it has a video."""
    if job.status == Status.SUCCEEDED:
        return None
    back = f"You were not charged; ${dollars(job.hold.spend)} is no longer set aside."
    if job.status == Status.CANCELED:
        return Canceled(f"{message(job)} {back}", job_id=job.pk, prediction_id=job.prediction_id)
    kind = Refused if job.error_code in _REFUSALS else Failed
    return kind(f"{message(job)} {back}", job_id=job.pk, prediction_id=job.prediction_id, error_code=job.error_code)


def _look(job_id: UUID) -> Look:
    job = Job.objects.select_related("hold", "source_job", "upload").get(pk=job_id)
    now = clock.now()
    words = message(job)
    if job.status == Status.QUEUED and (silent := heart.silent(now, after=_HINTED_AFTER)):
        words = f"{words} No sign of life from {', '.join(silent)}, for which it waits. {START}"
    return Look(job=job, percent=progress(job, now)[0], message=words)


def _timed_out(job: Job, seconds: float) -> TimedOut:
    over = f"The {seconds:g} s of this call are over; the job is {job.status} and goes on."
    words = f'{over} Pick it up with resume_video("{job.pk}").'
    return TimedOut(words, job_id=job.pk, prediction_id=job.prediction_id)
