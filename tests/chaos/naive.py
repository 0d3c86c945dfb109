"""Clapboard without its fence, as others write it: send, and write down afterwards. Takes the commands of manage.py."""

import os
import sys
from uuid import UUID

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.core.management import execute_from_command_line  # noqa: E402

from generation import clock, services  # noqa: E402
from generation.models import Job, Status  # noqa: E402
from generation.services.bringing import bring  # noqa: E402
from generation.services.provider import wavespeed  # noqa: E402


def submit(job_id: UUID) -> None:
    """Send what is queued. Whoever dies before it is written down leaves it queued, and it is sent again."""
    job = Job.objects.select_related("hold", "source_job", "upload").get(pk=job_id)
    if job.status != Status.QUEUED:
        return
    now = clock.now()
    media = bring(job, wavespeed())
    prediction = wavespeed().submit(job.model, {**job.video_model.inputs(job.prompt, job.parameters), **media})
    Job.objects.filter(pk=job_id).update(
        status=Status.RUNNING,
        prediction_id=prediction.id,
        submit_started_at=now,
        submitted_at=now,
        due_at=now,
        handed_at=None,
        lease_until=None,
    )


services.submit = submit  # type: ignore[assignment]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
