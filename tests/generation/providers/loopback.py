"""A server on loopback that counts what reaches it and misbehaves on demand, for what `responses` cannot show."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from threading import Event, Thread
from time import monotonic
from typing import Self

PATIENCE = 10  # seconds until a test that waits for something fails instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


Behaviour = Callable[["Loopback", socket.socket], None]


class Loopback:
    """Reads whole requests, keeps them, and lets `behaviour` answer; then the connection is closed."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.connections = 0
        self.arrived = Event()  # a request
        self.closing = Event()
        self._threads: list[Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(PATIENCE)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with closing(socket.create_connection(("127.0.0.1", self.port))):
            pass  # wakes the accepting thread
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
        self._listener.close()

    def _start(self, work: Callable[..., None], *args: object) -> None:
        thread = Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            if self.closing.is_set():
                connection.close()
                return
            self.connections += 1
            self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(PATIENCE)
            try:
                if request := _read_request(connection):
                    self.requests.append(request)
                    self.arrived.set()
                    self.behaviour(self, connection)
            except OSError:
                pass  # the client has gone, which is what some tests are about


def _read_request(connection: socket.socket) -> Request | None:
    with connection.makefile("rb") as stream:
        line = stream.readline().decode("latin-1").split()
        if len(line) != 3 or not line[2].startswith("HTTP/"):
            return None  # TLS, or nothing at all
        headers: dict[str, str] = {}
        while (text := stream.readline().decode("latin-1").strip()) != "":
            name, _, value = text.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))
        return Request(method=line[0], path=line[1], headers=headers, body=body)


def head(status: int, length: int, *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", "Content-Type: application/json", f"Content-Length: {length}", *more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def answers(status: int, body: object, *more: str) -> Behaviour:
    """Answer properly; `body` is text as it is, everything else as JSON."""
    content = body.encode() if isinstance(body, str) else json.dumps(body).encode()

    def behave(_: Loopback, connection: socket.socket) -> None:
        connection.sendall(head(status, len(content), *more) + content)

    return behave


def hangs_up(_: Loopback, connection: socket.socket) -> None:
    """Drop the connection after the request was read."""


def says_nothing(server: Loopback, _: socket.socket) -> None:
    server.closing.wait(PATIENCE)


def drips(content: bytes) -> Behaviour:
    """Send a byte now and then, without an end in sight: each single read is quick."""

    def behave(server: Loopback, connection: socket.socket) -> None:
        connection.sendall(content)
        until = monotonic() + PATIENCE  # or a client without a bound would hang the test instead of failing it
        while monotonic() < until and not server.closing.wait(0.01):
            connection.sendall(b" ")

    return behave


def cuts(status: int) -> Behaviour:
    """Hang up in the middle of the body."""

    def behave(_: Loopback, connection: socket.socket) -> None:
        connection.sendall(head(status, 1000) + b'{"code": 200, "data": {"id": "p1"')

    return behave


def floods(_: Loopback, connection: socket.socket) -> None:
    """Answer without an end in sight."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    for _piece in range(1000):
        connection.sendall(b" " * 65536)


def keeps_open(first: object) -> Behaviour:
    """Answer as one that keeps the connection open, then hang up when the next request is on it."""
    content = json.dumps(first).encode()

    def behave(_: Loopback, connection: socket.socket) -> None:
        connection.sendall(head(200, len(content), "Connection: keep-alive", "Keep-Alive: timeout=60"))
        connection.sendall(content)
        connection.recv(1)

    return behave
