"""Jobs found by statements that are put together once: programs ask for them all the time."""

from uuid import UUID

from django.db import connection

from billing.models import Hold, User
from billing.rows import columns, prepared, read
from generation.models import Job

_JOB = f"""
    SELECT {columns(Job, "job")}, {columns(Hold, "hold")}
    FROM generation_job job JOIN billing_hold hold ON hold.id = job.hold_id
    WHERE job.id = %s AND job.user_id = %s AND job.deleted_at IS NULL
"""  # noqa: S608 - names of ours


def job_of(user: User, job_id: UUID) -> Job | None:
    """Return the user's job with its hold; None where there is none, or its owner has deleted it."""
    with connection.cursor() as cursor:
        cursor.execute(_JOB, [prepared(Job, "id", job_id), user.pk])
        found = cursor.fetchone()
    if found is None:
        return None
    job: Job
    job, job.hold = read((Job, Hold), found)
    return job
