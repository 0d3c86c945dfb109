"""The one process in which time passes: it dispatches, polls and sweeps. Several may run; leases keep them apart."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import aiohttp
import structlog
from asgiref.sync import sync_to_async
from django.db import connections
from django.db.models import F, Q
from django_q.tasks import async_task

from generation import clock, services
from generation.models import Heartbeat, Job
from generation.providers.errors import ProviderError
from generation.providers.wavespeed import WaveSpeed
from generation.services.collecting import COLLECT_CLUSTER
from generation.services.dispatching import SUBMIT_CLUSTER
from generation.services.provider import wavespeed

log = structlog.get_logger(__name__)

WATCHER = "watcher"
CLUSTERS = (SUBMIT_CLUSTER, COLLECT_CLUSTER)
BEATS = (WATCHER, *CLUSTERS)

_TICK = 0.1  # seconds between two looks at the database
_SWEEP_EVERY = timedelta(seconds=1)
_BEAT_EVERY = timedelta(seconds=5)
_ASK_AGAIN = timedelta(seconds=60)  # for a beat that never came
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

    def turn(self, most: int) -> list[Job]:
        """Dispatch, sweep and beat as is due, and return the jobs to ask about, claimed."""
        now = clock.now()
        if self._swept_at is None or now - self._swept_at >= _SWEEP_EVERY:
            self._swept_at = now
            services.sweep()
        if self._beat_at is None or now - self._beat_at >= _BEAT_EVERY:
            self._beat_at = now
            beat(now)
        services.dispatch()
        return Job.objects.claim(now, _CLAIM, most) if most > 0 else []


def beat(now: datetime) -> None:
    """Show that we live, and ask every cluster to show it by running a hint, unless one is still on its way."""
    Heartbeat.objects.update_or_create(name=WATCHER, defaults={"beat_at": now})
    for name in CLUSTERS:
        Heartbeat.objects.get_or_create(name=name)
        answered = Q(asked_at__isnull=True) | Q(beat_at__gte=F("asked_at")) | Q(asked_at__lt=now - _ASK_AGAIN)
        if Heartbeat.objects.filter(answered, name=name).update(asked_at=now):
            async_task("generation.tasks.beat", name, cluster=name)
