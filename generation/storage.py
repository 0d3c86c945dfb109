"""From the address of an output to a checked file in our storage: bounded, streamed, whole or not at all."""

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from uuid import UUID, uuid4

import av
import requests
from av.error import FFmpegError
from django.conf import settings
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image, ImageStat
from urllib3.exceptions import HTTPError

_CHUNK = 1024 * 1024
_TIMEOUT = (5, 30)  # seconds to connect, and between two pieces
_MOST_REDIRECTS = 5
_POSTER_WIDTH = 960
_DARK = 0.1  # of full luminance: the poster is the first frame above it
_FRAMES_LOOKED_AT = 48


class Interrupted(Exception):
    """The download was cut or refused for now; it may be tried again."""


class OutputGone(Exception):
    """The provider no longer has the output."""


class NotAVideo(Exception):
    """All of it arrived, and it is no video that can be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was measured of a file: pixels and seconds."""

    width: int
    height: int
    duration: float
    has_audio: bool


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
    with _temporary(job_id) as path:
        digest = _download(url, path)
        facts = probe(path)
        poster = _poster(path)
        size_bytes = path.stat().st_size
        try:
            video_name = _store(f"videos/{job_id}.mp4", path)
            poster_name = default_storage.save(f"posters/{job_id}.jpg", ContentFile(poster))
        except OSError as error:
            raise Interrupted(f"our storage: {error}") from error
    return StoredVideo(video=video_name, poster=poster_name, facts=facts, size_bytes=size_bytes, sha256=digest)


def probe(path: Path) -> Facts:
    """Measure an MP4 file; NotAVideo when it is none. The container's format is given, never guessed."""
    try:
        with av.open(str(path), format="mp4") as container:
            stream = next(iter(container.streams.video), None)
            if stream is None or stream.codec_context is None:
                raise NotAVideo("It has no picture that can be decoded.")
            duration = _duration(container, stream)
            facts = Facts(
                width=stream.codec_context.width,
                height=stream.codec_context.height,
                duration=duration,
                has_audio=bool(container.streams.audio),
            )
    except (FFmpegError, ValueError) as error:
        raise NotAVideo(f"It can't be read as MP4: {error}") from error
    if facts.duration <= 0 or not facts.width or not facts.height:
        raise NotAVideo(f"It has no length or no size: {facts}")
    return facts


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> float:
    if stream.duration and stream.time_base:
        return round(float(stream.duration * stream.time_base), 3)
    return round(container.duration / av.time_base, 3) if container.duration else 0.0


def _poster(path: Path) -> bytes:
    """Return a JPEG of the first frame that is not dark, or else of the brightest looked at."""
    best: tuple[float, Image.Image] | None = None
    try:
        with av.open(str(path), format="mp4") as container:
            for number, frame in enumerate(container.decode(video=0)):
                picture = frame.to_image()  # type: ignore[no-untyped-call]
                light = ImageStat.Stat(picture.convert("L")).mean[0] / 255
                if best is None or light > best[0]:
                    best = (light, picture)
                if light > _DARK or number >= _FRAMES_LOOKED_AT:
                    break
    except FFmpegError as error:
        raise NotAVideo(f"Its picture can't be decoded: {error}") from error
    if best is None:
        raise NotAVideo("It has not one frame.")
    best[1].thumbnail((_POSTER_WIDTH, _POSTER_WIDTH))
    jpeg = BytesIO()
    best[1].save(jpeg, "JPEG", quality=78, optimize=True, progressive=True)
    return jpeg.getvalue()


@contextmanager
def _temporary(job_id: UUID) -> Iterator[Path]:
    """Give a file to download into, on the file system of the local storage so that it can be moved in one step.

    Each attempt has its own: one that was only thought dead must not write into another's. What a killed one left is
    removed by the next.
    """
    folder = settings.DATA_DIR / "incoming"
    folder.mkdir(exist_ok=True)
    for left in folder.glob(f"{job_id}-*.part"):
        left.unlink(missing_ok=True)
    path = folder / f"{job_id}-{uuid4().hex}.part"
    try:
        yield path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()


class _Incoming(File):  # type: ignore[type-arg]
    """A file that the local storage takes over by renaming it: nobody sees half of it."""

    def temporary_file_path(self) -> str:
        return str(self.name)


def _store(name: str, path: Path) -> str:
    with path.open("rb") as stream:
        return default_storage.save(name, _Incoming(stream, name=str(path)))


def _download(url: str, path: Path) -> str:
    """Stream an address into a file and return its SHA-256. The provider's key is not sent along."""
    deadline = time.monotonic() + settings.DOWNLOAD_TIME_LIMIT
    digest = hashlib.sha256()
    size = 0
    try:
        with requests.Session() as session:
            session.trust_env = False
            with _opened(session, url) as response, path.open("wb") as file:
                expected = response.headers.get("Content-Length")
                # read1 returns what is there: read would wait for a whole chunk, however slowly it drips.
                while piece := response.raw.read1(_CHUNK):
                    size += len(piece)
                    if size > settings.DOWNLOAD_SIZE_LIMIT:
                        raise NotAVideo(f"It is larger than {settings.DOWNLOAD_SIZE_LIMIT} bytes.")
                    if time.monotonic() > deadline:
                        raise Interrupted(f"It took longer than {settings.DOWNLOAD_TIME_LIMIT:.0f} s.")
                    digest.update(piece)
                    file.write(piece)
    except (requests.RequestException, HTTPError, OSError) as error:
        raise Interrupted(f"{type(error).__name__} after {size} bytes") from error
    if expected is not None and expected.isdigit() and size != int(expected):
        raise Interrupted(f"{size} of {expected} bytes arrived")
    return digest.hexdigest()


def _opened(session: requests.Session, url: str) -> requests.Response:
    """Follow redirects ourselves, since each address on the way has to be allowed."""
    for _ in range(_MOST_REDIRECTS + 1):
        _check_address(url)
        # identity: Content-Length then counts the bytes that we write.
        headers = {"Accept-Encoding": "identity"}
        response = session.get(url, stream=True, timeout=_TIMEOUT, allow_redirects=False, headers=headers)
        if response.is_redirect:
            url = urljoin(url, response.headers["Location"])
            response.close()
            continue
        if response.status_code in {403, 404, 410}:
            raise OutputGone(f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise Interrupted(f"HTTP {response.status_code}")
        return response
    raise Interrupted(f"more than {_MOST_REDIRECTS} redirects")


def _check_address(url: str) -> None:
    """Allow https only; beside it, in sandbox mode, the sandbox's own origin."""
    sandbox = urlsplit(settings.WAVESPEED_URL)
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise NotAVideo(f"Its address is none: {error}") from error
    if parts.scheme == "https" and parts.hostname:
        return
    if settings.SANDBOX and (parts.scheme, parts.netloc) == (sandbox.scheme, sandbox.netloc):
        return
    raise NotAVideo(f"Its address is not https: {parts.scheme}://{parts.hostname}")
