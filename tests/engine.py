"""The engine in one process, a step at a time: what watcher and workers do, without waiting for them."""

import time
from collections.abc import Collection
from contextlib import suppress

from django.utils import timezone

from generation import services
from generation.models import FINAL, Job, Status
from generation.providers.errors import ProviderError
from generation.services.provider import wavespeed

_PATIENCE = 120  # seconds that any job of a test may take on a busy machine
_PAUSE = 0.02


def run(job: Job, *, until: Collection[Status] = FINAL) -> Job:
    """Turn the engine until the job is in one of these statuses, and return it."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        job = Job.objects.select_related("hold").get(pk=job.pk)
        if job.status in until:
            return job
        assert time.monotonic() < deadline, f"still {job.status}: {[e.note for e in job.events.all()]}"
        turn()
        time.sleep(_PAUSE)


def turn() -> None:
    """Do once what there is to do, as if all that waits for its time were due."""
    nudge()
    services.sweep()
    services.dispatch()
    for job in Job.objects.filter(status=Status.QUEUED, handed_at__isnull=False):
        services.submit(job.pk)
    for job in Job.objects.filter(status=Status.RUNNING):
        poll(job)
    for job in Job.objects.filter(status=Status.COLLECTING, handed_at__isnull=False):
        services.collect(job.pk)


def poll(job: Job) -> None:
    """Ask the provider once about a running job."""
    try:
        prediction = wavespeed().result(str(job.prediction_id))
    except ProviderError as error:
        services.unreachable(job.pk, error)
    else:
        services.polled(job.pk, prediction)


def nudge() -> None:
    """Make due now what waits for a later moment."""
    with suppress(Job.DoesNotExist):
        Job.objects.exclude(status__in=FINAL).filter(due_at__isnull=False).update(due_at=timezone.now())
