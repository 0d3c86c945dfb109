"""A bounded load: clients with a kept-open connection each, for so many seconds."""

import http.client
import json
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, and the status with which it must be answered."""

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: dict[str, Any] | None = None


def rate(port: int, calls: Sequence[Call], *, seconds: float) -> float:
    """Return how many a second were answered to as many clients at once, each of whom repeats its own."""
    ready, counts = threading.Barrier(len(calls)), []
    end = time.monotonic() + seconds

    def work(call: Call) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        _answered(connection, call)
        ready.wait(60)
        number = 0
        while time.monotonic() < end:
            _answered(connection, call)
            number += 1
        counts.append(number)
        connection.close()

    threads = [threading.Thread(target=work, args=[call]) for call in calls]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == len(calls), "a client broke off"
    return sum(counts) / (time.monotonic() - start)


def time_of(port: int, call: Call, *, times: int) -> float:
    """Return the median seconds of one request after another."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    _answered(connection, call)
    took = []
    for _ in range(times):
        start = time.perf_counter()
        _answered(connection, call)
        took.append(time.perf_counter() - start)
    connection.close()
    return statistics.median(took)


def _answered(connection: http.client.HTTPConnection, call: Call) -> None:
    body = None if call.body is None else json.dumps(call.body)
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(call.method, call.path, body, headers | call.headers)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == call.status, (call.method, call.path, answer.status, said[:500])
