"""Servers on loopback, and an internet of names and addresses that leads to them."""

from __future__ import annotations

import re
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from errno import ENETUNREACH
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.generation.providers.loopback import PATIENCE, Behaviour, Loopback
from tests.media import padding

_ZEROS = bytes(1 << 20)
_HERE = re.compile(r"[0-9a-fx.:]+|localhost")  # what the real resolver answers without a network


def sends(status: int, body: bytes, *headers: str) -> Behaviour:
    """Answer with exactly these headers, then with `body`."""

    def behave(_: Loopback, connection: socket.socket) -> None:
        connection.sendall(_head(status, *headers) + body)

    return behave


def delivers(body: bytes) -> Behaviour:
    """Answer properly with a file."""
    return sends(200, body, f"Content-Length: {len(body)}")


def delivers_padded(video: bytes, size: int) -> Behaviour:
    """Answer with a video that zeros make `size` bytes long, and that is never whole in memory here."""
    begin = video + padding(size - len(video))

    def behave(_: Loopback, connection: socket.socket) -> None:
        connection.sendall(_head(200, f"Content-Length: {size}") + begin)
        left = size - len(begin)
        while left:
            left -= connection.send(memoryview(_ZEROS)[:left])

    return behave


def redirects(to: str, status: int = 302) -> Behaviour:
    """Answer that it is elsewhere."""
    return sends(status, b"", f"Location: {to}", "Content-Length: 0")


def _head(status: int, *headers: str) -> bytes:
    return ("\r\n".join([f"HTTP/1.1 {status} Whatever", *headers]) + "\r\n\r\n").encode("latin-1")


class TLSLoopback(Loopback):
    """The same by TLS; remembers which names were asked for before the certificate was shown."""

    def __init__(self, behaviour: Behaviour, certificate: Path) -> None:
        super().__init__(behaviour)
        self.names: list[str | None] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.sni_callback = lambda _, name, __: self.names.append(name)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            with suppress(OSError):
                super()._serve(self._context.wrap_socket(connection, server_side=True))


@dataclass
class Internet:
    """What names resolve to, where addresses lead to, and what was looked up and dialled.

    `names` gives the answers of a name in their order, the last one again and again; `machines` the loopback port
    behind a public address. What is in neither is as on a machine without a network.
    """

    names: dict[str, list[list[str]]] = field(default_factory=dict)
    machines: dict[str, int] = field(default_factory=dict)
    looked_up: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)

    def host(self, name: str, address: str, server: Loopback) -> str:
        """Put a server behind a name and a public address, and return its origin."""
        self.names[name] = [[address]]
        self.machines[address] = server.port
        return f"https://{name}"

    def getaddrinfo(self, host: str, port: int, *args: Any, **kwargs: Any) -> list[Any]:
        """Stand for the resolver; numbers in all their spellings, and this machine's own name, go to the real one."""
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            if not _HERE.fullmatch(host):
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
            return _getaddrinfo(host, port, *args, **kwargs)
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(_family(address), socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    def create_connection(self, address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        """Stand for the way to an address: a public one leads to its server, or nowhere."""
        host, port = address
        self.dialled.append(host)
        if host in self.machines:
            return _create_connection(("127.0.0.1", self.machines[host]), *args, **kwargs)
        if ip_address(host).is_loopback:
            return _create_connection((host, port), *args, **kwargs)
        raise OSError(ENETUNREACH, "Network is unreachable")


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _create_connection(address: tuple[str, int], timeout: float, **_: Any) -> socket.socket:
    sock = socket.socket()
    sock.settimeout(timeout)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


_getaddrinfo = socket.getaddrinfo
