"""Jobs that have just ended."""

from datetime import timedelta

from django.utils import timezone

from billing.models import User
from generation.models import Job, Status
from tests.make import make_job


def ended(user: User, *, wait: float, provider: float, noticed: float, heard: bool, **fields: object) -> Job:
    """Make a job that was ordered an hour ago but ended just now: seconds of its wait, rendering and notice."""
    finished = timezone.now() - timedelta(seconds=1)
    collecting = finished - timedelta(seconds=3)
    submitted = collecting - timedelta(seconds=provider)
    return make_job(
        user,
        status=Status.SUCCEEDED,
        finished_at=finished,
        collecting_at=collecting,
        submitted_at=submitted,
        submit_started_at=submitted,
        created_at=submitted - timedelta(seconds=wait),
        heard_at=collecting - timedelta(seconds=noticed) if heard else None,
        rendered_ms=int((provider - noticed) * 1000),
        **fields,
    )
