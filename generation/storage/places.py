"""Where a file waits, and how it gets its final name: whole, in one step, on local disks and on S3."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage

_LEFT_AFTER = 24 * 3600  # seconds


def failures() -> tuple[type[Exception], ...]:
    """Return what our storage raises that fails for now."""
    if isinstance(default_storage, FileSystemStorage):
        return (OSError,)
    from boto3.exceptions import Boto3Error  # noqa: PLC0415 - 23 MB, and only where there is a bucket
    from botocore.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
        BotoCoreError,
        ClientError,
    )
    from s3transfer.exceptions import RetriesExceededError  # type: ignore[import-untyped]  # noqa: PLC0415

    return OSError, Boto3Error, BotoCoreError, ClientError, RetriesExceededError


@contextmanager
def waiting_room(job_id: UUID) -> Iterator[Path]:
    """Give a folder for one attempt to keep a job's output.

    Each attempt has its own: one that was only thought dead must not write into another's. What a killed one left is
    removed by the next.
    """
    folder = _incoming()
    folder.mkdir(exist_ok=True, parents=True)
    _tidy(folder, job_id)
    room = folder / f"{job_id}-{uuid4().hex}.part"
    room.mkdir()
    try:
        yield room
    finally:
        rmtree(room, ignore_errors=True)


def place(name: str, path: Path) -> str:
    """Give a file its name in our storage, where nobody ever sees half of it, and return that name.

    What an earlier attempt left under the name is replaced. Raises `failures()`.
    """
    if isinstance(default_storage, FileSystemStorage):
        _rename(path, Path(default_storage.path(name)), default_storage.file_permissions_mode)
        return name
    with path.open("rb") as stream:  # S3 shows an object once all of it has arrived
        return default_storage.save(name, File(stream))


def clear(job_id: UUID) -> None:
    """Remove what attempts have left waiting of a job."""
    _tidy(_incoming(), job_id)


def tidy() -> None:
    """Remove what killed processes have left waiting on this machine for longer than anything takes."""
    long_ago = time.time() - _LEFT_AFTER
    for folder in (_incoming(), Path(settings.FILE_UPLOAD_TEMP_DIR)):
        for left in folder.glob("*"):
            with suppress(OSError):  # another one tidies, too; and what stays costs room and nothing else
                if left.stat().st_mtime < long_ago:
                    rmtree(left, ignore_errors=True) if left.is_dir() else left.unlink()


def _incoming() -> Path:
    """Return where files wait: for a local storage inside of it, since nothing is renamed from one mount to another."""
    if isinstance(default_storage, FileSystemStorage):
        return Path(default_storage.location) / ".incoming"
    return Path(settings.DATA_DIR) / "incoming"


def _tidy(folder: Path, job_id: UUID) -> None:
    for left in folder.glob(f"{job_id}-*.part"):
        rmtree(left, ignore_errors=True)


def _rename(path: Path, target: Path, mode: int | None) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if mode is not None:
        path.chmod(mode)
    # Before the row says that the video is here, it has to outlast a power cut.
    _flush(path)
    path.replace(target)
    _flush(target.parent)


def _flush(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
