"""What is killed in a storm, each by a name that stands in the table."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable

import psutil

from tests.chaos.house import House

_PATIENCE = 10.0  # seconds for a victim of the wished kind to turn up

Kill = Callable[[House, random.Random], bool]


def _first(name: str) -> Kill:
    def kill(house: House, dice: random.Random) -> bool:
        house.kill(name)
        return True

    return kill


def _member(choose: Callable[[House], list[psutil.Process]], number: int = signal.SIGKILL) -> Kill:
    def kill(house: House, dice: random.Random) -> bool:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if _shot(choose(house), dice, number):
                return True
            time.sleep(0.01)
        return False

    return kill


def _shot(victims: list[psutil.Process], dice: random.Random, number: int = signal.SIGKILL) -> bool:
    if not victims:
        return False
    with contextlib.suppress(psutil.NoSuchProcess):
        dice.choice(victims).send_signal(number)
        return True
    return False


def _workers(house: House, *, busy: bool) -> list[psutil.Process]:
    return [worker for cluster in house.clusters() for worker in cluster.workers if house.is_busy(worker) is busy]


def _cut(house: House, dice: random.Random) -> bool:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        if house.wire.cut():
            return True
        time.sleep(0.01)
    return False


def _refuse(house: House, dice: random.Random) -> bool:
    house.wire.refuse(dice.uniform(0.5, 2))
    return True


def _server(house: House, dice: random.Random) -> bool:
    assert house.server
    os.kill(house.server.pid, signal.SIGKILL)
    time.sleep(dice.uniform(0, 2))
    house.server.start()
    return True


def _session(house: House, dice: random.Random) -> bool:
    """Kill one connection's process: the server ends all others and recovers by itself."""
    assert house.server
    children = psutil.Process(house.server.pid).children()
    sessions = [child for child in children if "clapboard clapboard" in " ".join(child.cmdline())]
    return _shot(sessions, dice)


KILLS: dict[str, Kill] = {
    "web": _first("web"),
    "web child": _member(lambda house: house.below("web")),
    "worker": _first("worker"),
    "main": _member(lambda house: [cluster.leader for cluster in house.clusters()]),
    "sentinel": _member(lambda house: [cluster.sentinel for cluster in house.clusters()]),
    "monitor": _member(lambda house: [cluster.monitor for cluster in house.clusters()]),
    "pusher": _member(lambda house: [cluster.pusher for cluster in house.clusters()]),
    "idle child": _member(lambda house: _workers(house, busy=False)),
    "busy child": _member(lambda house: _workers(house, busy=True)),
    "watch": _first("watch"),
    "watcher": _member(lambda house: house.below("watch")),
    "connections": _cut,
    "provider away": _refuse,
}
STALLS: dict[str, Kill] = {
    "sentinel stopped": _member(lambda house: [cluster.sentinel for cluster in house.clusters()], signal.SIGSTOP),
    "monitor stopped": _member(lambda house: [cluster.monitor for cluster in house.clusters()], signal.SIGSTOP),
}
OF_THE_SERVER: dict[str, Kill] = {"PostgreSQL": _server, "PostgreSQL session": _session}


def kills_of(house: House) -> dict[str, Kill]:
    """Return what can be killed here."""
    return KILLS | (OF_THE_SERVER if house.server else {})
