"""What operators decide about a job whose outcome nobody knows, or that does not end by itself."""

from uuid import UUID

from django.db import transaction

from billing.services import Actor
from generation import clock
from generation.models import Status
from generation.services.collecting import discard_of_ended
from generation.services.transitions import fail, locked, tell


def never_created(job_id: UUID, *, reason: str, by: Actor) -> bool:
    """End an unknown job whose prediction an operator knows not to exist; its money is back. False if it moved on."""
    now = clock.now()
    with transaction.atomic():
        job = locked(job_id, Status.UNKNOWN)
        message = "It never reached WaveSpeed."
        return bool(job and fail(job, code="never_created", message=message, now=now, by=by, provider_error=reason))


def give_up(job_id: UUID, *, reason: str, by: Actor) -> bool:
    """End a job that runs, is collected or is unknown, by an operator's decision; its money is back.

    A completion that turns up later becomes a Difference, not a status.
    """
    now = clock.now()
    with transaction.atomic():
        job = locked(job_id, Status.RUNNING, Status.COLLECTING, Status.UNKNOWN)
        if job is None:
            return False
        tell(job, now=now, by=by, note=f"Given up: {reason}")
        transaction.on_commit(lambda: discard_of_ended(job_id))
        return fail(job, code="given_up", message="An operator ended it.", now=now, by=by, provider_error=reason)
