"""Bringing a file to WaveSpeed: the ticket that says where its bytes go, and the bytes, as many as were announced."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import SplitResult, urlsplit

from generation.providers.answers import RETRY_AFTER, is_good, mapping_of, read_retry_after
from generation.providers.connections import FAILURES, PIECE, Bounds, exchange
from generation.providers.errors import Unavailable

PUT_ANSWER_LIMIT = 1 << 20  # bytes; nothing in it is read

# WaveSpeed wants no Authorization with the bytes; the others are the transport's own to say.
_NOT_TO_BE_TOLD = {"authorization", "proxy-authorization", "connection", "host", "transfer-encoding"}
_URL = re.compile(r"[!-\[\]-~]+", re.ASCII)  # printable and without a backslash, which libraries read in two ways
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class WrongSize(OSError):
    """The file is shorter or longer than was announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """Where the bytes go, with which headers, and where the file can be fetched then.

    The query of `put_url` is a permission: it stands in no message and no log.
    """

    put_url: str
    headers: Mapping[str, str]
    download_url: str


class FileBody:
    """A file in pieces, so that memory stays flat; its last piece is held back until the length is sure to be right."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        """Take a file from its start. ValueError where its length is known and is not `size` bytes."""
        if size < 1:
            raise ValueError(f"size is {size}; allowed: 1 or more.")
        if file.seekable():
            length = file.seek(0, io.SEEK_END)
            file.seek(0)
            if length != size:
                raise ValueError(f"size is {size}, but the file has {length} bytes.")
        self._file = file
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        left = self._size
        while left:
            piece = self._file.read(min(PIECE, left))
            left -= len(piece)
            if not piece or (not left and self._file.read(1)):
                # What was sent so far is less than was announced: nobody takes it for the file.
                raise WrongSize(f"The file is not {self._size} bytes long any more.")
            yield piece


def read_ticket(data: object, *, size: int, own_url: str) -> Ticket:
    """Read a ticket. Raises Unavailable where the bytes can't go there, or may not: see `_may_go_to`."""
    ticket = mapping_of(data)
    upload = mapping_of(ticket.get("upload"))
    put_url, download_url = upload.get("url"), ticket.get("download_url")
    if upload.get("method", "PUT") != "PUT":
        raise Unavailable("WaveSpeed wants an upload in a way that we do not know.")
    if not isinstance(put_url, str) or not _may_go_to(put_url, own_url):
        raise Unavailable("WaveSpeed named no address of https for an upload.")
    if not isinstance(download_url, str) or _split(download_url) is None:
        raise Unavailable("WaveSpeed did not say where an upload can be fetched.")
    headers = _headers(upload.get("headers") or {}, size)
    return Ticket(put_url=put_url, headers=headers, download_url=download_url)


def put(ticket: Ticket, body: FileBody, *, bounds: Bounds) -> None:
    """Send the bytes once, without a key. Raises Unavailable for whatever goes wrong."""
    try:
        status, headers, _ = exchange(
            "PUT", ticket.put_url, body=body, headers=ticket.headers, bounds=bounds, limit=PUT_ANSWER_LIMIT
        )
    except FAILURES as error:
        # Without the cause, which repeats the address and so the permission.
        raise Unavailable(f"WaveSpeed's storage did not take the file ({_failure(error)}).") from None
    if not is_good(status):
        raise Unavailable(
            f"WaveSpeed's storage did not take the file (HTTP {status}).",
            status=status,
            retry_after=read_retry_after(headers.get(RETRY_AFTER)),
        )


def _may_go_to(url: str, own_url: str) -> bool:
    """Say whether users' files may go there: to any host by https, or to our own provider's origin (the sandbox)."""
    parts = _split(url)
    return parts is not None and (parts.scheme == "https" or _origin(parts) == _origin(urlsplit(own_url)))


def _split(url: str) -> SplitResult | None:
    """Take an address apart; None where it is none, or carries a name and password, which would become a header."""
    try:
        parts = urlsplit(url)
        usable = bool(_URL.fullmatch(url) and parts.scheme in _PORTS and parts.hostname and parts.port != 0)
    except ValueError:
        return None
    return parts if usable and "@" not in parts.netloc else None


def _origin(parts: SplitResult) -> tuple[str, str | None, int]:
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _headers(data: object, size: int) -> dict[str, str]:
    headers = mapping_of(data)
    told: dict[str, str] = {}
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise Unavailable("WaveSpeed named a header for an upload that cannot be sent.")
        if name.lower() == "content-length" and value == str(size):
            continue  # the transport says it
        if name.lower() in _NOT_TO_BE_TOLD | {"content-length"}:
            raise Unavailable(f"WaveSpeed named a header for an upload that may not be sent: {name[:100]}.")
        told[name] = value
    return told


def _failure(error: BaseException) -> str:
    """Name what went wrong; the libraries wrap what happened in the middle of a body."""
    inner: BaseException | None = error
    while inner is not None and not isinstance(inner, WrongSize):
        inner = inner.__cause__ or inner.__context__
    return str(inner) if inner else type(error).__name__
