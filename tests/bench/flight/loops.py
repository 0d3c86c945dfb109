"""Two loops without a database, to compare with: the limit, and what others do; prints JSON."""

import asyncio
import json
import os
import sys
import threading
import time
from typing import Any

import aiohttp
import psutil
import requests

from generation import pacing
from tests.bench.flight.processes import own_cpu, peak
from tests.bench.flight.report import quantiles
from tests.sandbox import RunningSandbox

_WAY, _SIZE, _SECONDS = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
_URL = os.environ["WAVESPEED_URL"]
_HEADERS = {"Authorization": "Bearer bench-of-flight"}
_MODEL = "lightricks/ltx-2-pro/text-to-video"
_DENSEST = 0.5  # seconds
_AT_ONCE = 200
_STACK = 256 * 1024  # bytes of a thread


def main() -> None:
    """Measure and print."""
    sandbox = RunningSandbox(url=_URL, process=None)  # type: ignore[arg-type]
    theirs = psutil.Process(int(sys.argv[4]))
    began, before = time.time(), sum(theirs.cpu_times()[:2])
    noticed = asyncio.run(_bare()) if _WAY == "bare" else _naive()
    wall, cpu, most = time.time() - began, own_cpu(), peak(os.getpid())
    stats = sandbox.stats()
    ends = {each["id"]: each["ended"] for each in stats["predictions"]}
    found: dict[str, Any] = {
        "way": _WAY,
        "size": _SIZE,
        "seconds": _SECONDS,
        "in_flight": stats["most_running"],
        "notice": quantiles([at - ends[prediction] for prediction, at in noticed.items()]),
        "requests": sum(stats["requests"].values()) / _SIZE,
        "wall": wall,
        "cpu": {"watcher": cpu, "sandbox": sum(theirs.cpu_times()[:2]) - before},
        "peaks": {"watcher": most, "sandbox": peak(theirs.pid)},
    }
    json.dump(found, sys.stdout)


async def _bare() -> dict[str, float]:
    """Ask about all of them from one loop, at the watcher's pace, and remember nothing."""
    noticed: dict[str, float] = {}
    free = asyncio.Semaphore(_AT_ONCE)

    async def follow(number: int) -> None:
        async with free, session.post(f"{_URL}/api/v3/{_MODEL}", json={"prompt": f"A fox {number}"}) as response:
            prediction = (await response.json())["data"]["id"]
        sent = time.monotonic()
        while prediction not in noticed:
            wait = pacing.wait(time.monotonic() - sent, _SECONDS, densest=_DENSEST)
            await asyncio.sleep(pacing.jittered(wait))
            async with free, session.get(f"{_URL}/api/v3/predictions/{prediction}/result") as response:
                if (await response.json())["data"]["status"] == "completed":
                    noticed[prediction] = time.time()

    connector = aiohttp.TCPConnector(limit=_AT_ONCE)
    async with aiohttp.ClientSession(connector=connector, headers=_HEADERS) as session, asyncio.TaskGroup() as group:
        for number in range(_SIZE):
            group.create_task(follow(number))
    return noticed


def _naive() -> dict[str, float]:
    """Block a thread for each of them, which asks twice a second."""
    noticed: dict[str, float] = {}

    def follow(number: int) -> None:
        with requests.Session() as session:
            session.headers.update(_HEADERS)
            prediction = None
            while prediction not in noticed:
                try:
                    if prediction is None:
                        answer = session.post(f"{_URL}/api/v3/{_MODEL}", json={"prompt": f"A fox {number}"}, timeout=60)
                        prediction = answer.json()["data"]["id"]
                    answer = session.get(f"{_URL}/api/v3/predictions/{prediction}/result", timeout=60)
                    if answer.json()["data"]["status"] == "completed":
                        noticed[prediction] = time.time()
                        return
                except requests.RequestException:
                    continue
                time.sleep(_DENSEST)

    threading.stack_size(_STACK)
    threads = [threading.Thread(target=follow, args=(number,)) for number in range(_SIZE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return noticed


if __name__ == "__main__":
    main()
