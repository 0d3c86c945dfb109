"""A provider over real HTTP for tests of the watcher: how it answers follows from the beginning of a prediction's id.

The sandbox knows only predictions that were submitted; here a thousand rows have theirs at once.
"""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

Answer = tuple[int, dict[str, str], object]  # status, headers, what becomes JSON
Behaviour = Callable[["Provider", str], Answer]


@dataclass
class Provider:
    """Answers, and writes down who asked when. What hangs is let go at the end."""

    behaviours: dict[str, Behaviour]
    url: str = ""
    asked: list[tuple[float, str]] = field(default_factory=list)
    askers: Counter[str] = field(default_factory=Counter)  # by API key
    let_go: Event = field(default_factory=Event)

    @property
    def counts(self) -> Counter[str]:
        """How often each prediction was asked about."""
        return Counter(prediction for _, prediction in list(self.asked))


def ended(status: str, **fields: Any) -> Behaviour:
    """Return a behaviour that shows a prediction in this status."""

    def behave(_: Provider, prediction: str) -> Answer:
        data = {"id": prediction, "model": "m", "status": status, "outputs": [], "created_at": "2026-01-01T00:00:00Z"}
        return 200, {}, {"code": 200, "message": "success", "data": data | fields}

    return behave


goes_on = ended("processing")
fails = ended("failed", error="no", code=1403)
is_made = ended("completed", outputs=["https://cdn.example/x.mp4"])


def refuses(status: int, *, code: int | None = None, **headers: str) -> Behaviour:
    """Return a behaviour that answers with this status and code, which is the status where none is given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _provider, _id: (status, named, {"code": code or status, "message": "no", "data": None})


def hangs(provider: Provider, prediction: str) -> Answer:
    """Say nothing until the end."""
    provider.let_go.wait(300)
    return goes_on(provider, prediction)


def hangs_at_first(then: Behaviour) -> Behaviour:
    """Return a behaviour that says nothing to the first question about a prediction."""

    def behave(provider: Provider, prediction: str) -> Answer:
        return (hangs if provider.counts[prediction] == 1 else then)(provider, prediction)

    return behave


@contextmanager
def running_provider(**behaviours: Behaviour) -> Iterator[Provider]:
    """Run a provider on a free port; "ok-1" behaves like `ok`."""
    provider = Provider(behaviours)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            prediction = self.path.split("/")[-2]
            provider.asked.append((time.monotonic(), prediction))
            provider.askers[self.headers["Authorization"].removeprefix("Bearer ")] += 1
            status, headers, body = provider.behaviours[prediction.split("-")[0]](provider, prediction)
            content = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 1024

        def handle_error(self, *_: object) -> None:
            pass  # the client has gone

    with Server(("127.0.0.1", 0), Handler) as server:
        provider.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield provider
        finally:
            provider.let_go.set()
            server.shutdown()
            thread.join()
