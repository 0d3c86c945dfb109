"""Runs the sandbox as a process of its own."""

import contextlib
import socket
import sys

import uvicorn

from .app import create_app
from .options import SandboxOptions

_KEPT_OPEN_SECONDS = 75
_BACKLOG = 2048
# Answers that hang on purpose must not keep a stopped sandbox alive.
_PARTING_SECONDS = 1


def serve(options: SandboxOptions) -> None:
    """Listen until interrupted; print `sandbox: http://HOST:PORT` as soon as requests are answered."""
    listener = socket.create_server((options.host, options.port), backlog=_BACKLOG)
    config = uvicorn.Config(
        create_app(options),
        # One implementation everywhere, since some faults reach for its connection.
        http="h11",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=_KEPT_OPEN_SECONDS,
        timeout_graceful_shutdown=_PARTING_SECONDS,
    )
    # Ctrl-C is how a sandbox ends, not an error.
    with listener, contextlib.suppress(KeyboardInterrupt):
        _Server(config).run(sockets=[listener])


class _Server(uvicorn.Server):
    """Says where it listens once it does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            host, port = listener.getsockname()[:2]
            sys.stdout.write(f"sandbox: http://{host}:{port}\n")
            sys.stdout.flush()
