"""From the address of an output to a file on our disk: bounded in size and time, streamed, hop by checked hop."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic

from django.conf import settings
from urllib3 import HTTPResponse
from urllib3.util import Url, parse_url

from generation.storage.addresses import is_public, origin_of, read, read_next
from generation.storage.connections import FAILURES, get
from generation.storage.verdicts import Interrupted, NotAVideo, OutputGone

_PIECE = 1 << 18  # bytes
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({403, 404, 410})


def download(address: str, path: Path) -> str:
    """Stream an address into a file and return its SHA-256.

    Raises Interrupted, OutputGone, or NotAVideo for what is too large, encoded, or where we may not ask.
    """
    deadline = monotonic() + settings.DOWNLOAD_TIME_LIMIT
    try:
        with _followed(address, deadline) as answer:
            _check_head(answer)
            return _write(answer, path)
    except FAILURES as error:
        if monotonic() >= deadline:
            raise Interrupted(f"It took longer than {settings.DOWNLOAD_TIME_LIMIT:g} s.") from error
        arrived = path.stat().st_size if path.exists() else 0
        raise Interrupted(f"{type(error).__name__} after {arrived} bytes") from error


@contextmanager
def _followed(address: str, deadline: float) -> Iterator[HTTPResponse]:
    """Follow redirects ourselves, since each address on the way has to be allowed."""
    url = read(address)
    for _ in range(_MOST_REDIRECTS + 1):
        with get(url, may_go_to=_judge_of(url), deadline=deadline) as answer:
            location = answer.headers.get("Location")
            if answer.status not in _REDIRECTS or not location:
                yield answer
                return
        url = read_next(url, location)
    raise Interrupted(f"more than {_MOST_REDIRECTS} redirects")


def _judge_of(url: Url) -> Callable[[str], bool]:
    """Return what an IP address of this host has to be: public, and by https; the sandbox alone may be anywhere."""
    if settings.SANDBOX and origin_of(url) == origin_of(parse_url(settings.WAVESPEED_URL)):
        return _anywhere
    if url.scheme != "https":
        raise NotAVideo(f"Its address is not https: {url.scheme}://{url.host}")
    return is_public


def _anywhere(_: str) -> bool:
    return True


def _check_head(answer: HTTPResponse) -> None:
    if answer.status in _GONE:
        raise OutputGone(f"HTTP {answer.status}")
    if answer.status != 200:
        raise Interrupted(f"HTTP {answer.status}")
    encoding = answer.headers.get("Content-Encoding", "identity")
    if encoding.strip().lower() not in {"", "identity"}:
        raise NotAVideo("It came encoded, which we did not ask for.")
    if (answer.length_remaining or 0) > settings.DOWNLOAD_SIZE_LIMIT:
        raise _too_large()


def _write(answer: HTTPResponse, path: Path) -> str:
    """Write the body, as long as it was announced; what is cut raises one of FAILURES."""
    digest = hashlib.sha256()
    size = 0
    with path.open("wb") as file:
        # read1 returns what is there: read would wait for a whole piece, however slowly it drips.
        while piece := answer.read1(_PIECE):
            size += len(piece)
            if size > settings.DOWNLOAD_SIZE_LIMIT:
                raise _too_large()
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def _too_large() -> NotAVideo:
    return NotAVideo(f"It is larger than {settings.DOWNLOAD_SIZE_LIMIT} bytes.")
