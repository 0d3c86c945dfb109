"""One request on one connection of its own, whose every phase has an end: name, address, sending, the whole answer.

requests bounds each single read only, so an answer that drips may last for hours; and nothing bounds the look-up of a
name or the number of addresses that are tried. A submit must come back while its lease still stands.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, HTTPResponse
from math import inf
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Any, Protocol, cast

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util import SKIP_HEADER
from urllib3.util.connection import create_connection

# What `exchange` raises; requests' own errors are OSErrors.
FAILURES = (OSError, HTTPError, HTTPException)

PIECE = 1 << 16


# What the libraries add by themselves; the headers of a request are exactly those that are given.
_UNASKED = {"User-Agent": SKIP_HEADER, "Accept-Encoding": SKIP_HEADER}


class AnswerTooLong(OSError):
    """The answer is longer than any honest one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long the phases of a request may take, in seconds.

    `connect`: name, address and TLS together. `piece`: sending the head, and a whole body or each piece of one.
    `answer`: all of it. `whole`: everything together.
    """

    connect: float
    piece: float
    answer: float
    whole: float = inf


class Body(Protocol):
    """What is sent piece by piece; its length in bytes is known before."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[bytes]: ...


def exchange(
    method: str, url: str, *, body: bytes | Body | None, headers: Mapping[str, str], bounds: Bounds, limit: int
) -> tuple[int, Mapping[str, str], bytes]:
    """Send one request once and read its answer, at most `limit` bytes: status, headers, body. Raises FAILURES.

    To `headers` only those of the transport itself are added: Host, Connection, Content-Length.
    """
    # A new connection for every call. On a kept-open one a server that has just hung up is noticed only after the POST
    # was written, and nobody can tell whether it was read: a needless `unknown`.
    with requests.Session() as session:
        session.trust_env = False  # no ~/.netrc in place of our key, no proxy to read it
        session.headers.clear()
        session.mount("http://", _BoundedAdapter(bounds))
        session.mount("https://", _BoundedAdapter(bounds))
        with session.request(
            method,
            url,
            data=cast("bytes | None", body),  # requests takes any iterable with a length
            headers={**_UNASKED, **headers, "Connection": "close"},
            timeout=(bounds.connect, bounds.answer),
            allow_redirects=False,  # nor would the key travel on
            stream=True,
        ) as response:
            found = bytearray()
            for piece in response.iter_content(PIECE):
                found += piece
                if len(found) > limit:
                    raise AnswerTooLong
            return response.status_code, response.headers, bytes(found)


def surely_not_sent(error: Exception) -> bool:
    """Say whether a request failed before its connection stood, so that none of it left."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectTimeout) or isinstance(reason, ConnectTimeoutError)


class _BoundedAdapter(HTTPAdapter):
    def __init__(self, bounds: Bounds) -> None:
        self._bounds: dict[str, Any] = {"piece": bounds.piece, "end": monotonic() + bounds.whole}
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        pools = {"http": partial(_Pool, **self._bounds), "https": partial(_TLSPool, **self._bounds)}
        self.poolmanager.pool_classes_by_scheme = pools


class _BoundedAnswer(HTTPResponse):
    """An answer that must be read to its end within the socket's time-out, counted from here."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_BoundedReader(sock, monotonic() + (sock.gettimeout() or 0)))


class _BoundedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        # Through makefile, since the open file keeps the socket alive after http.client has closed it.
        self._file = cast(io.RawIOBase, sock.makefile("rb", buffering=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._deadline))
        return cast("int | None", self._file.readinto(buffer))

    def close(self) -> None:
        self._file.close()
        super().close()


class _Bounded(HTTPConnection):
    response_class = _BoundedAnswer

    def __init__(self, *args: Any, piece: float, end: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._piece = piece
        self._end = end

    def connect(self) -> None:
        try:
            super().connect()
        except (OSError, HTTPError) as error:
            # Whatever went wrong, TLS too: the first byte of a request follows a connection that stands.
            self.close()
            raise NewConnectionError(self, f"No connection: {type(error).__name__}") from error

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        # Python counts the whole of a `sendall` against this, so that a reader who drips can't hold it up.
        self.sock.settimeout(min(self._piece, _left(self._end)))
        super().send(data)

    def getresponse(self) -> Any:
        self.timeout = min(cast(float, self.timeout), _left(self._end))
        return super().getresponse()

    def _new_conn(self) -> socket.socket:
        deadline = min(monotonic() + cast(float, self.timeout), self._end)
        addresses = _addresses(self._dns_host, self.port, _left(deadline))
        failure = OSError("This name has no address.")
        for count, address in enumerate(addresses):
            share = _left(deadline) / (len(addresses) - count)  # a dead address leaves time for the next one
            try:
                sock = create_connection((address, self.port), share, self.source_address, self.socket_options)
            except OSError as error:
                failure = error
                continue
            sock.settimeout(max(deadline - monotonic(), 0.001))  # what is left is for TLS
            return sock
        raise failure


class _BoundedTLS(_Bounded, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Bounded


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _BoundedTLS


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError("The time for this is over.")
    return left


def _addresses(host: str, port: int, seconds: float) -> list[str]:
    """Look up a name in a thread that may be left behind, since nothing else bounds a look-up."""
    answers: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            answers.put(error)
        except UnicodeError:
            answers.put(OSError("This name cannot be looked up."))
        else:
            answers.put(list(dict.fromkeys(str(address[0]) for *_, address in found)))

    Thread(target=look_up, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except Empty:
        raise TimeoutError("The look-up took too long.") from None
    if isinstance(answer, OSError):
        raise answer
    return answer
