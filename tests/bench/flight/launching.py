"""Puts jobs in flight without workers, for a look at the watcher alone."""

import asyncio
import os
import random
from copy import copy
from datetime import timedelta
from uuid import uuid4

import aiohttp
from django.conf import settings
from django.utils import timezone

from billing.models import Hold, User
from generation import pacing
from generation.models import Job, Status
from tests.make import make_job

_MODEL = "lightricks/ltx-2-pro/text-to-video"
_AT_ONCE = 100
_BATCH = 500


def launch(user: User, number: int, seconds: float) -> None:
    """Submit so many predictions and write a running job for each, as the workers would have."""
    first = make_job(user, status=Status.RUNNING, expected_seconds=seconds, due_at=None)
    Job.objects.filter(pk=first.pk).delete()
    holds = [_hold(first.hold) for _ in range(number)]
    holds = Hold.objects.bulk_create(holds, batch_size=_BATCH)
    for start in range(0, number, _BATCH):
        batch = holds[start : start + _BATCH]
        predictions = asyncio.run(_submitted(len(batch)))
        Job.objects.bulk_create(
            _running(first, hold, prediction, seconds) for hold, prediction in zip(batch, predictions, strict=True)
        )


def _hold(first: Hold) -> Hold:
    hold = copy(first)
    hold.pk, hold.reference = None, uuid4()
    return hold


def _running(first: Job, hold: Hold, prediction_id: str, seconds: float) -> Job:
    job, now = copy(first), timezone.now()
    pace = pacing.jittered(pacing.wait(0, seconds, densest=settings.POLL_INTERVAL))
    job.pk, job.hold, job.prediction_id = hold.reference, hold, prediction_id
    job.created_at = job.submitted_at = job.submit_started_at = now
    job.due_at, job.pace = now + timedelta(seconds=pace), pace
    return job


async def _submitted(number: int) -> list[str]:
    headers = {"Authorization": f"Bearer {settings.WAVESPEED_API_KEY}"}
    url = f"{os.environ['WAVESPEED_URL']}/api/v3/{_MODEL}"
    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:

        async def submit() -> str:
            async with session.post(url, json={"prompt": f"A fox {random.random()}"}) as response:
                return str((await response.json())["data"]["id"])

        return await asyncio.gather(*(submit() for _ in range(number)))
