"""Answers that no sound server gives."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_PIECE = 64 * 1024
_ENDLESS_PIECE = 1024 * 1024
# Without end for anyone with a limit; a client without one must not fill a disk.
_ENDLESS_BYTES = 10 * 1024**3
_DRIPS = 100


class Dropped(Response):
    """No answer: the connection just closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close the connection under the server's feet."""
        _transport(scope).abort()
        await _gone(receive)


class Cut(Response):
    """A file whose whole length is announced and half of whose bytes come."""

    def __init__(self, path: Path) -> None:
        super().__init__(media_type="video/mp4")
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send half and close."""
        size = self._path.stat().st_size
        await _start(send, self.media_type, size)
        async with await anyio.open_file(self._path, "rb") as file:
            await _copy(send, file.read, size // 2)
        # Unlike abort, close sends what is buffered first.
        _transport(scope).close()
        await _gone(receive)


class Endless(Response):
    """A file that begins well, announces no length and never ends."""

    def __init__(self, path: Path) -> None:
        super().__init__(media_type="video/mp4")
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client has had enough."""
        leaving = asyncio.create_task(_gone(receive))
        await _start(send, self.media_type, None)
        body = await anyio.Path(self._path).read_bytes()
        for _ in range(_ENDLESS_BYTES // _ENDLESS_PIECE):
            if leaving.done():
                return
            await send({"type": "http.response.body", "body": body, "more_body": True})
            body = bytes(_ENDLESS_PIECE)
            # Let the event loop notice that the client has gone.
            await asyncio.sleep(0)
        leaving.cancel()
        _transport(scope).close()


class Drip(Response):
    """A whole file that takes its time."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(media_type="video/mp4")
        self._path = path
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send a small piece, wait, send the next."""
        body = await anyio.Path(self._path).read_bytes()
        piece = max(1, math.ceil(len(body) / _DRIPS))
        await _start(send, self.media_type, len(body))
        for start in range(0, len(body), piece):
            await asyncio.sleep(self._seconds / _DRIPS)
            await send({"type": "http.response.body", "body": body[start : start + piece], "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, media_type: str | None, length: int | None) -> None:
    headers = [(b"content-type", (media_type or "video/mp4").encode())]
    if length is not None:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _copy(send: Send, read: Callable[[int], Awaitable[bytes]], length: int) -> None:
    while length > 0:
        piece = await read(min(_PIECE, length))
        if not piece:
            return
        length -= len(piece)
        await send({"type": "http.response.body", "body": piece, "more_body": True})


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope["sandbox.transport"]
    if not isinstance(transport, asyncio.Transport):
        raise TypeError("connections can only be broken under uvicorn")
    return transport


async def _gone(receive: Receive) -> None:
    """Wait until the connection is closed."""
    while (await receive())["type"] != "http.disconnect":
        pass
