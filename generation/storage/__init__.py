"""From the address of an output to a checked file in our storage: bounded, streamed, whole or not at all.

In reading order: verdicts, addresses (which may be asked), connections, downloads, probes (what is in a file), places.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from django.core.files.storage import default_storage

from generation.storage.downloads import download
from generation.storage.places import clear, failures, place, tidy, waiting_room
from generation.storage.verdicts import Facts, Interrupted, NotAVideo, OutputGone

__all__ = [
    "Facts",
    "Interrupted",
    "NotAVideo",
    "OutputGone",
    "StoredVideo",
    "discard",
    "failures",
    "keep",
    "probe",
    "remove",
    "tidy",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredVideo:
    """A video in our storage: names of its objects, and what is known of it."""

    video: str
    poster: str
    facts: Facts
    size_bytes: int
    sha256: str


def keep(job_id: UUID, url: str) -> StoredVideo:
    """Download, check and store the output of a job, and return what it is.

    The objects are named by the job alone, so that fetching again after a crash leaves nothing behind. Raises
    Interrupted, OutputGone or NotAVideo; memory stays flat in the size of the video.
    """
    try:
        with waiting_room(job_id) as room:
            return _keep(job_id, url, room)
    except failures() as error:
        raise Interrupted(f"our storage: {error}") from error


def probe(path: Path) -> Facts:
    """Measure an MP4 file; NotAVideo when it is none, OSError when there is no file."""
    from generation.storage import probes  # noqa: PLC0415 - 40 MB of libraries, and the watcher opens no video

    return probes.probe(path)


def poster(path: Path) -> bytes:
    """Return a JPEG of its first frame that is not dark; NotAVideo or OSError as in `probe`."""
    from generation.storage import probes  # noqa: PLC0415 - as in `probe`

    return probes.poster(path)


def discard(job_id: UUID) -> None:
    """Remove what attempts to keep a job's output have left; for a job that has ended without a video.

    Only its services can know that no attempt that still lives will make it a success, so `keep` never does this.
    """
    remove([_video(job_id), _poster(job_id)])
    clear(job_id)


def remove(names: Iterable[str]) -> None:
    """Remove files, if they are there; Interrupted where our storage does not give one up now."""
    try:
        for name in names:
            default_storage.delete(name)
    except failures() as error:
        raise Interrupted(f"our storage: {error}") from error


def _keep(job_id: UUID, url: str, room: Path) -> StoredVideo:
    video, picture = room / "video.mp4", room / "poster.jpg"
    digest = download(url, video)
    facts = probe(video)
    picture.write_bytes(poster(video))
    size_bytes = video.stat().st_size
    # The video first: no poster is ever without one.
    return StoredVideo(
        video=place(_video(job_id), video),
        poster=place(_poster(job_id), picture),
        facts=facts,
        size_bytes=size_bytes,
        sha256=digest,
    )


def _video(job_id: UUID) -> str:
    return f"videos/{job_id}.mp4"


def _poster(job_id: UUID) -> str:
    return f"posters/{job_id}.jpg"
