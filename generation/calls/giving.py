"""From a stored video to its caller: the bytes, or a file of theirs; and what there is to say of it."""

import asyncio
import io
import os
import threading
from decimal import Decimal
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import IO, Any, TypedDict
from uuid import uuid4

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.urls import reverse

from billing.money import CURRENCY, dollars
from generation.calls.asking import PROVIDER
from generation.calls.errors import Deleted, InvalidInput, NotDelivered
from generation.calls.threads import aside
from generation.models import Job
from generation.spec import Complaint, shown

Target = Path | IO[bytes] | None
_CHUNK = 1 << 20


class Video(TypedDict):
    """A finished video.

    `cost` is exact, in dollars. `width`, `height` (pixels) and `duration` (seconds) were measured in the file; what
    was ordered stands in `metadata`. `resolution` is the ordered one where the model offers sizes, else it is named by
    the shorter side of the file. `source_video_url` is our own route, which asks for a session or an API key: the
    provider's address dies after 7 days and is not kept. `video_bytes` is None where the file went to `stream_to`.
    """

    video_bytes: bytes | None
    prompt: str
    duration: float
    model_name: str
    provider: str
    cost: Decimal
    resolution: str
    width: int
    height: int
    source_video_url: str
    prediction_id: str | None
    job_id: str
    metadata: dict[str, Any]
    warnings: list[dict[str, str]]


def target(stream_to: object) -> Target:
    """Check where a video is wished to go: a path, or a file that takes bytes; else InvalidInput."""
    if isinstance(stream_to, io.TextIOBase) or getattr(stream_to, "closed", False):
        raise _wrong_target(f"{shown(type(stream_to).__name__)} is a file for text, or closed.")
    if stream_to is None or callable(getattr(stream_to, "write", None)):
        return stream_to  # type: ignore[return-value]  # whatever takes bytes
    if not isinstance(stream_to, str | PathLike):
        raise _wrong_target(f"{shown(str(stream_to))} is neither a path nor a binary file.")
    path = Path(stream_to)
    if not path.parent.is_dir():
        raise _wrong_target(f"{shown(str(path))}: the folder {shown(str(path.parent))} does not exist.")
    if path.exists() and not path.is_file():
        raise _wrong_target(f"{shown(str(path))} is there already, and no file.")
    if not os.access(path.parent, os.W_OK):
        raise _wrong_target(f"{shown(str(path))}: the folder {shown(str(path.parent))} can't be written to.")
    return path


async def give(job: Job, to: Target) -> bytes | None:
    """Copy a stored video in pieces: into memory, into an open file, or to a path, whole or not at all.

    Raises Deleted where it is gone, and NotDelivered where it can't be read or written.
    """
    stop = threading.Event()
    try:
        return await aside(_give, job, to, stop)
    except asyncio.CancelledError:
        stop.set()
        raise


def place(job: Job) -> str:
    """Return where a stored video is: the path of its file, or the address to get it from where it is in a bucket."""
    storage = job.video.storage
    return str(storage.path(job.video.name)) if isinstance(storage, FileSystemStorage) else _address(job)


async def described(job: Job, video_bytes: bytes | None) -> Video:
    """Return what a call answers for a job that has a video."""
    return await aside(_described, job, video_bytes)


def _give(job: Job, to: Target, stop: threading.Event) -> bytes | None:
    if not job.video.name or job.deleted_at:
        raise Deleted("The video has been deleted.", job_id=job.pk, prediction_id=job.prediction_id)
    try:
        if isinstance(to, Path):
            _write_whole(job, to, stop)
        elif to is not None:
            _copy(job, to, stop)
        else:
            memory = BytesIO()
            _copy(job, memory, stop)
            return memory.getvalue()
    except (OSError, ValueError) as error:
        words = f"The video is made and stored, but could not be handed over: {type(error).__name__}: {error}."
        raise NotDelivered(words, job_id=job.pk, prediction_id=job.prediction_id) from error
    return None


def _write_whole(job: Job, path: Path, stop: threading.Event) -> None:
    part = path.with_name(f".{path.name[:100]}.{uuid4().hex}.part")
    try:
        with part.open("xb") as file:
            _copy(job, file, stop)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _copy(job: Job, to: IO[bytes], stop: threading.Event) -> None:
    with job.video.storage.open(str(job.video.name), "rb") as stored:
        while piece := stored.read(_CHUNK):
            if stop.is_set():
                raise InterruptedError("the caller has gone")
            to.write(piece)


def _described(job: Job, video_bytes: bytes | None) -> Video:
    return Video(
        video_bytes=video_bytes,
        prompt=job.prompt,
        duration=job.duration or 0.0,
        model_name=job.model,
        provider=PROVIDER,
        cost=Decimal(dollars(job.hold.spend)),
        resolution=_resolution(job),
        width=job.width or 0,
        height=job.height or 0,
        source_video_url=_address(job),
        prediction_id=job.prediction_id,
        job_id=str(job.pk),
        metadata=_metadata(job),
        warnings=list(job.warnings),
    )


def _resolution(job: Job) -> str:
    if size := job.video_model.size(job.parameters):
        return size.resolution
    said = job.parameters.get("resolution")
    return str(said) if said else f"{min(job.width or 0, job.height or 0)}p"


def _metadata(job: Job) -> dict[str, Any]:
    """Return what else is known; JSON can carry it, but for the times."""
    return {
        "operation_type": str(job.video_model.operation),
        "parameters": dict(job.parameters),
        "ordered_duration": job.wished_seconds,
        "billed_seconds": job.hold.seconds,
        "currency": CURRENCY,
        "flags": list(job.flags),
        "has_audio": job.has_audio,
        "size_bytes": job.size_bytes,
        "sha256": job.sha256,
        "source_job": str(job.source_job_id) if job.source_job_id else None,
        "upload": str(job.upload_id) if job.upload_id else None,
        "created_at": job.created_at,
        "submitted_at": job.submitted_at,
        "finished_at": job.finished_at,
    }


def _address(job: Job) -> str:
    """Return where a video is below the address of this installation; while developing that is this machine's."""
    here = settings.PUBLIC_URL or (f"http://127.0.0.1:{settings.PORT}" if settings.DEBUG else "")
    return f"{here}{reverse('api:job-video', args=[job.pk])}"


def _wrong_target(words: str) -> InvalidInput:
    message = f"{words} Allowed: a path in a folder that is there, or a file opened for writing bytes."
    return InvalidInput([Complaint(field="stream_to", message=message)])
