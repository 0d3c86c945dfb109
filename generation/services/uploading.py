"""Pictures and videos from users: checked, stored under names of ours, and remembered."""

import hashlib
from typing import IO
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db.models import F

from billing.models import User
from generation import clock
from generation.catalog import Kind
from generation.intake import NotMedia, TooLarge, measure
from generation.models import Upload
from generation.services.deleting import remove_files
from generation.services.transitions import log

__all__ = ["NotMedia", "TooLarge", "TooManyUploads", "upload"]

_CHUNK = 1 << 20
_MOST_UNUSED = 200  # of a user: what waits to be used


class TooManyUploads(NotMedia):
    """The user has too many uploads that no job uses."""

    code = "too_many_uploads"


def upload(user: User, file: File, *, kind: Kind | None = None) -> Upload:  # type: ignore[type-arg]
    """Check a file that a user sent, and keep it. With a `kind` nothing else is taken.

    Raises NotMedia or TooLarge, and nothing is kept then. Memory stays flat in the size of a video.
    """
    if Upload.objects.filter(user=user, deleted_at__isnull=True, jobs__isnull=True).count() >= _MOST_UNUSED:
        raise TooManyUploads(f"{_MOST_UNUSED} uploads wait to be used; delete one first, or make something of it.")
    stream: IO[bytes] = file.file  # type: ignore[assignment]  # Django's stubs say str or bytes
    found = measure(stream, file.size)
    if kind and found.format.kind is not kind:
        allowed = {Kind.IMAGE: "a PNG, JPEG or WebP picture", Kind.VIDEO: "an MP4, MOV or WebM video"}[kind]
        raise NotMedia(f"This is {_a(found.format.kind)}; allowed: {allowed}.")
    digest = hashlib.sha256()
    while piece := stream.read(_CHUNK):
        digest.update(piece)
    stream.seek(0)
    upload_id = uuid4()
    now = clock.now()
    # The row first, as if it were deleted: who is killed before the end leaves a file that the sweep finds by it.
    row = Upload(
        id=upload_id,
        user=user,
        kind=Upload.Kind(found.format.kind),
        name=_name(file),
        content_type=found.format.content_type,
        size_bytes=file.size,
        sha256=digest.hexdigest(),
        width=found.width,
        height=found.height,
        seconds=found.seconds,
        has_audio=found.has_audio,
        created_at=now,
        deleted_at=now,
        file=f"uploads/{upload_id}.{found.format.suffix}",
    )
    row.save(force_insert=True)
    try:
        row.file = default_storage.save(str(row.file.name), file)
        row.deleted_at = None
        row.save(update_fields=["file", "deleted_at"])
    except BaseException:
        _take_back(row)
        raise
    log.info("uploaded", upload_id=str(upload_id), kind=str(found.format.kind), bytes=file.size)
    return row


def _take_back(row: Upload) -> None:
    """Remove an upload that did not arrive, or leave it to the sweep.

    Only while its row looks like one that arrives: its last commit may have got no answer and stand all the same.
    """
    arriving = Upload.objects.filter(pk=row.pk, deleted_at=F("created_at"))
    if arriving.update(deleted_at=clock.now()) and remove_files(row):
        Upload.objects.filter(pk=row.pk).delete()


def _name(file: File) -> str:  # type: ignore[type-arg]
    """Return what its sender called it, as far as it can be stored and shown on one line."""
    name = file.name if isinstance(file, UploadedFile) else str(file.name or "").rpartition("/")[2]
    return "".join(character if character.isprintable() else "_" for character in name or "file")[-200:]


def _a(kind: Kind) -> str:
    return "a picture" if kind is Kind.IMAGE else "a video"
