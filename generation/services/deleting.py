"""Videos and uploads that their owner no longer wants: the row stays, the files go after the commit."""

from contextlib import suppress
from datetime import timedelta
from time import monotonic
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from billing.services import Actor
from generation import clock, storage
from generation.models import FINAL, Job, Status, Upload
from generation.services.collecting import discard_of_failed
from generation.services.transitions import log, tell

_NEEDING = (Status.QUEUED, Status.SUBMITTING)  # after that the provider has a copy
_UNUSED_FOR = timedelta(days=1)  # then an upload that no job uses goes by itself
_MOST_AT_ONCE = 100
_FAILED_SINCE = timedelta(hours=1)  # longer than any attempt to save a video may live on
_LONGEST = 60.0  # seconds in which files are removed at a time: a storage may be slow to refuse


class NotDeletable(Exception):
    """The job is under way."""

    code = "not_deletable"

    def __init__(self, job: Job) -> None:
        super().__init__(f"The job is {job.status}; it can be deleted once it has ended.")


class InUse(Exception):
    """A job that was not sent yet is made from it."""

    code = "in_use"

    def __init__(self, waiting: int) -> None:
        who = "A job that waits" if waiting == 1 else f"{waiting} jobs that wait"
        super().__init__(f"{who} to be sent still needs it; cancel that, or delete this a little later.")


def delete(job_id: UUID, *, by: Actor) -> None:
    """Delete an ended job for its owner. Raises NotDeletable or InUse. Row, history and ledger stay."""
    now = clock.now()
    with transaction.atomic():
        job = Job.objects.select_for_update(of=("self",)).get(pk=job_id)
        if job.status not in FINAL:
            raise NotDeletable(job)
        _check_unused(job.retakes.all())
        if not Job.objects.kept().filter(pk=job_id).update(deleted_at=now):
            return
        tell(job, now=now, by=by, note="Deleted.")
    log.info("job deleted", job_id=str(job_id))
    remove_files(job)


def delete_upload(upload_id: UUID) -> None:
    """Delete an upload for its owner. Raises InUse."""
    remove_files(_forget(upload_id))


def remove_files(of: Job | Upload) -> bool:
    """Remove the files of what was deleted, and then their names; False where our storage does not give them up.

    That, and whoever is killed in between, leaves them to the sweep: nobody's deletion fails for it.
    """
    names = [of.video.name, of.poster.name] if isinstance(of, Job) else [of.file.name]
    try:
        storage.remove(name for name in names if name)
    except storage.Interrupted:
        log.exception("files of what was deleted stay for now", of=str(of.pk))
        return False
    if isinstance(of, Job):
        Job.objects.filter(pk=of.pk).update(video="", poster="")
    else:
        Upload.objects.filter(pk=of.pk).update(file="")
    return True


def remove_what_is_left() -> int:
    """Remove the files of deleted rows that still have some, and uploads that nobody used; return of how many rows.

    And what killed processes were about to store, or have stored of jobs that failed. For a worker, since it waits
    for our storage.
    """
    until = monotonic() + _LONGEST
    storage.tidy()
    old = clock.now() - _UNUSED_FOR
    unused = Upload.objects.filter(deleted_at__isnull=True, created_at__lt=old, jobs__isnull=True)
    for upload in unused[:_MOST_AT_ONCE]:
        with suppress(InUse):  # since we looked
            _forget(upload.pk)
    # An upload that still arrives looks as if it were deleted the moment that it began: see uploading.
    arriving = Q(deleted_at=F("created_at"), created_at__gt=old)
    left: list[Job | Upload] = [
        *Job.objects.filter(~Q(video="", poster=""), deleted_at__isnull=False)[:_MOST_AT_ONCE],
        *Upload.objects.filter(~Q(file=""), ~arriving, deleted_at__isnull=False)[:_MOST_AT_ONCE],
    ]
    removed = 0
    for row in left:
        if monotonic() >= until:
            break
        removed += remove_files(row)
    # Their rows name no files, so those are looked for by the job's.
    failed = Job.objects.filter(
        status=Status.FAILED, collecting_at__isnull=False, finished_at__gt=clock.now() - _FAILED_SINCE
    )
    for job_id in failed.values_list("pk", flat=True)[:_MOST_AT_ONCE]:
        if monotonic() >= until:
            break
        discard_of_failed(job_id)
    return removed


def _forget(upload_id: UUID) -> Upload:
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload_id)
        _check_unused(upload.jobs.all())
        Upload.objects.filter(pk=upload_id, deleted_at__isnull=True).update(deleted_at=clock.now())
    return upload


def _check_unused(jobs: QuerySet[Job]) -> None:
    if waiting := jobs.filter(status__in=_NEEDING).count():
        raise InUse(waiting)
