"""One GET on a connection of its own, which goes to an address that was checked and ends in time.

Not requests-hardened: it looks at the first address of a name only, lets shared, multicast and translated ones pass,
and nothing bounds its look-up or a head that drips. Here the check stands in the one place that opens a socket, so that
neither a second look-up nor another reading of the address can come between.
"""

import io
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import client
from time import monotonic
from typing import Any, cast

from certifi import where
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url
from urllib3.util.connection import create_connection

from generation.storage.addresses import look_up, origin_of
from generation.storage.verdicts import NotAVideo

# What `get` and reading its answer raise beside NotAVideo.
FAILURES = (OSError, HTTPError, client.HTTPException)

_CONNECT = 10  # seconds for name, address and TLS together
_PIECE = 30  # seconds between two pieces of an answer

# All that is said: no key, no cookie. identity: Content-Length then counts the bytes that we write; a name, since some
# hosts refuse who has none.
_HEADERS = {"Accept-Encoding": "identity", "User-Agent": "clapboard", "Connection": "close"}


@contextmanager
def get(url: Url, *, may_go_to: Callable[[str], bool], deadline: float) -> Iterator[HTTPResponse]:
    """Ask for `url` and give the answer, whose body is still to be read; all of it ends by `deadline` (monotonic).

    Every IP address of the host has to pass `may_go_to`, else NotAVideo. Redirects are not followed, and a certificate
    has to be of the name in `url`.
    """
    connection = _connection(url)
    connection.allow(may_go_to, deadline)
    try:
        connection.request("GET", url.request_uri, headers=_HEADERS, preload_content=False, decode_content=False)
        with connection.getresponse() as answer:
            yield answer
    finally:
        connection.close()


def left(deadline: float) -> float:
    """Return the seconds until `deadline`; TimeoutError when it is over."""
    seconds = deadline - monotonic()
    if seconds <= 0:
        raise TimeoutError("The time for this is over.")
    return seconds


def _connection(url: Url) -> "_Pinned":
    origin = origin_of(url)
    if origin.scheme == "https":
        trusted = ssl.create_default_context(cafile=where())
        return _PinnedTLS(origin.host, origin.port, timeout=_PIECE, ssl_context=trusted)
    return _Pinned(origin.host, origin.port, timeout=_PIECE)


class _Pinned(HTTPConnection):
    """Looks its name up once and connects to what was found, if all of that is allowed."""

    def allow(self, may_go_to: Callable[[str], bool], deadline: float) -> None:
        self._may_go_to = may_go_to
        self._deadline = deadline
        self.response_class = partial(_Answer, deadline=deadline)  # type: ignore[assignment]

    def _new_conn(self) -> socket.socket:
        ends = min(monotonic() + _CONNECT, self._deadline)
        addresses = look_up(self._dns_host, self.port, left(ends))
        # One that is not allowed among others is a trap as well: which of them is taken is left to chance.
        if not all(self._may_go_to(address) for address in addresses):
            raise NotAVideo(f"Its host has an address that is not public: {self.host}.")
        sock = self._dial(addresses, ends)
        sock.settimeout(left(ends))  # for TLS
        return sock

    def _dial(self, addresses: list[str], ends: float) -> socket.socket:
        failure = OSError("This name has no address.")
        for count, address in enumerate(addresses):
            share = left(ends) / (len(addresses) - count)  # a dead address leaves time for the next one
            try:
                return create_connection((address, self.port), share, socket_options=self.socket_options)
            except OSError as error:
                failure = error
        raise failure


class _PinnedTLS(_Pinned, HTTPSConnection):
    pass


class _Answer(client.HTTPResponse):
    """An answer whose head and body are read by the deadline, however slowly they drip."""

    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_Reader(sock, deadline))


class _Reader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__()
        self._sock = sock
        self._deadline = deadline
        # Through makefile, since the open file keeps the socket alive after http.client has closed it.
        self._file = cast(io.RawIOBase, sock.makefile("rb", buffering=0))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(min(_PIECE, left(self._deadline)))
        return cast("int | None", self._file.readinto(buffer))

    def close(self) -> None:
        self._file.close()
        super().close()
