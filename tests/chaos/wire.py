"""The line between us and the provider, which can be cut: a relay on a port of its own."""

import asyncio
import contextlib
import threading
from collections.abc import Coroutine
from typing import Any

_PIECE = 1 << 16
_SMALL = 1 << 12  # bytes: what is larger belongs to a file
_PAUSE = 0.02  # seconds before each piece of a file that goes up, so that somebody dies in the middle
_PATIENCE = 10  # seconds


class Wire:
    """Relays to a port of 127.0.0.1, in a thread of its own, until it is closed."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._server: asyncio.Server = self._do(self._listen(0))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def cut(self) -> int:
        """Break all connections in the middle of whatever they say, and return how many there were."""
        return self._do(self._cut())

    def refuse(self, seconds: float) -> None:
        """Break all and take no new ones for a while."""
        self._do(self._refuse(seconds))

    def close(self) -> None:
        """End it."""
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE + 10)

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._relay, "127.0.0.1", port, backlog=512)

    async def _cut(self) -> int:
        cut = list(self._open)
        for writer in cut:
            writer.transport.abort()
        return len(cut) // 2

    async def _refuse(self, seconds: float) -> None:
        self._server.close()
        await self._cut()
        await asyncio.sleep(seconds)
        self._server = await self._listen(self.port)

    async def _end(self) -> None:
        self._server.close()
        await self._cut()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.wait(others, timeout=1) if others else None

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self._open |= ends
        try:
            await asyncio.gather(_copy(reader, far_writer, pause=_PAUSE), _copy(far_reader, writer, pause=0))
        finally:
            self._open -= ends
            for end in ends:
                end.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, pause: float) -> None:
    with contextlib.suppress(ConnectionError, OSError):
        while piece := await reader.read(_PIECE):
            if len(piece) > _SMALL:
                await asyncio.sleep(pause)
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
        return
    writer.transport.abort()  # a broken end breaks the other
