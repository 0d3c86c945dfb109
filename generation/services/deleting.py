"""Videos and uploads that their owner no longer wants: the row stays, the files go after the commit."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from time import monotonic
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet

from billing.services import Actor
from generation import clock, storage
from generation.models import FINAL, Job, Status, Upload
from generation.services.collecting import discard_of_ended
from generation.services.transitions import log, tell

_NEEDING = (Status.QUEUED, Status.SUBMITTING)  # after that the provider has a copy
_UNUSED_FOR = timedelta(days=1)  # then an upload that no job uses goes by itself
_MOST_AT_ONCE = 100
_MAY_STORE_FOR = timedelta(hours=1)  # after a job has failed: longer than any attempt to save its video lives on
_NEVER = datetime.min.replace(tzinfo=UTC)
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
    _forget_unused()
    removed = 0
    for row in _left():
        if monotonic() >= until:
            break
        # Before it is tried: what is refused slowly comes behind all others the next time.
        type(row).objects.filter(pk=row.pk).update(files_tried_at=clock.now())
        if isinstance(row, Job) and not row.video and not row.poster:
            discard_of_ended(row.pk)
        else:
            removed += remove_files(row)
    return removed


def _forget_unused() -> None:
    old = clock.now() - _UNUSED_FOR
    unused = Upload.objects.filter(deleted_at__isnull=True, created_at__lt=old, jobs__isnull=True)
    for upload in unused[:_MOST_AT_ONCE]:
        with suppress(InUse):  # since we looked
            _forget(upload.pk)


def _left() -> list[Job | Upload]:
    """Return rows whose files are to go, those first that were never tried, or the longest ago."""
    # An upload that still arrives looks as if it were deleted the moment that it began: see uploading.
    arriving = Q(deleted_at=F("created_at"), created_at__gt=clock.now() - _UNUSED_FOR)
    # Rows of what failed name no files, so those are looked for by the job's, until nobody can store any more.
    unsure = Q(files_tried_at__isnull=True) | Q(files_tried_at__lte=F("finished_at") + _MAY_STORE_FOR)
    longest_ago = F("files_tried_at").asc(nulls_first=True)
    left: list[Job | Upload] = [
        *Job.objects.filter(~Q(video="", poster=""), deleted_at__isnull=False).order_by(longest_ago)[:_MOST_AT_ONCE],
        *Upload.objects.filter(~Q(file=""), ~arriving, deleted_at__isnull=False).order_by(longest_ago)[:_MOST_AT_ONCE],
        *Job.objects.failed_at_saving().filter(unsure).order_by(longest_ago)[:_MOST_AT_ONCE],
    ]
    return sorted(left, key=lambda row: row.files_tried_at or _NEVER)


def _forget(upload_id: UUID) -> Upload:
    with transaction.atomic():
        upload = Upload.objects.select_for_update().get(pk=upload_id)
        _check_unused(upload.jobs.all())
        Upload.objects.filter(pk=upload_id, deleted_at__isnull=True).update(deleted_at=clock.now())
    return upload


def _check_unused(jobs: QuerySet[Job]) -> None:
    if waiting := jobs.filter(status__in=_NEEDING).count():
        raise InUse(waiting)
