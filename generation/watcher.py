"""The one process in which time passes: it dispatches, polls and sweeps. Several may run; leases keep them apart."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
import structlog
from asgiref.sync import sync_to_async
from django.db import connections
from django_q.tasks import async_task

from billing import services as billing
from generation import clock, heart, services
from generation.models import Job, Status
from generation.notices import hand_notices
from generation.providers.errors import ProviderError
from generation.providers.wavespeed import WaveSpeed
from generation.services.daily import ensure_chores, hand_chores
from generation.services.provider import wavespeed

log = structlog.get_logger(__name__)

_TICK = 0.1  # seconds between two looks at the database
_SWEEP_EVERY = timedelta(seconds=1)
_BEAT_EVERY = timedelta(seconds=5)
_BALANCE_EVERY = timedelta(minutes=3)
_TELL_EVERY = timedelta(seconds=10)
_TIDY_EVERY = timedelta(minutes=5)
_CLAIM = timedelta(seconds=45)  # longer than one question may take
_MOST_ASKED = 500  # questions on their way at a time


async def watch(stopping: Callable[[], bool]) -> None:
    """Run until `stopping` says so. Whatever can't be mended here ends the process; its parent starts it anew."""
    provider = wavespeed()
    rounds = _Rounds()
    asked: set[asyncio.Task[None]] = set()
    async with aiohttp.ClientSession(trust_env=False) as session:
        while not stopping():
            for job in await sync_to_async(rounds.turn)(_MOST_ASKED - len(asked)):
                task = asyncio.create_task(_ask(session, provider, job))
                asked.add(task)
                task.add_done_callback(asked.discard)
            await asyncio.sleep(_TICK)
        await asyncio.gather(*asked)
    await sync_to_async(connections.close_all)()  # those of the thread that did all of it


async def _ask(session: aiohttp.ClientSession, provider: WaveSpeed, job: Job) -> None:
    """Ask about one prediction; a slow answer keeps nobody else waiting."""
    try:
        prediction = await provider.fetch_result(session, str(job.prediction_id))
    except ProviderError as error:
        log.warning("no answer", job_id=str(job.pk), prediction_id=job.prediction_id, error=str(error))
        await sync_to_async(services.unreachable)(job.pk, error)
    else:
        await sync_to_async(services.polled)(job.pk, prediction)


class _Rounds:
    """What is done each time around, and what only now and then."""

    def __init__(self) -> None:
        self._swept_at: datetime | None = None
        self._beat_at: datetime | None = None
        self._tidied_at: datetime | None = None
        self._told_at: datetime | None = None
        self._balanced_at: datetime | None = None

    def turn(self, most: int) -> list[Job]:
        """Dispatch, sweep and beat as is due, and return the jobs to ask about, claimed."""
        now = clock.now()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            services.sweep()
        if self._balanced_at is None or now - self._balanced_at >= _BALANCE_EVERY:
            self._balanced_at = now
            async_task("generation.tasks.heed_balance", cluster=services.SUBMIT_CLUSTER)
        if self._told_at is None or now - self._told_at >= _TELL_EVERY:
            self._told_at = now
            hand_notices(now)
            hand_chores(now)
            if Job.objects.filter(status=Status.UNKNOWN, due_at__lte=now).exists():
                async_task("generation.tasks.look_for_unknown", cluster=services.SUBMIT_CLUSTER)
        if self._beat_at is None or now - self._beat_at >= _BEAT_EVERY:
            self._beat_at = now
            heart.beat(now)
        if self._tidied_at is None or now - self._tidied_at >= _TIDY_EVERY:
            self._tidied_at = now
            services.remove_what_is_left()
            billing.expire_all_grants(now)
            ensure_chores(now)
        services.dispatch()
        return Job.objects.claim(now, _CLAIM, most) if most > 0 else []
