"""One step of the engine in a process of its own, which kills itself behind a point of that step."""

import importlib
import itertools
import os
import re
import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, connections

from billing.models import User
from generation import services
from generation.models import Job
from tests.engine import poll
from tests.media import make_upload

STEPS: dict[str, Callable[[UUID], None]] = {
    "submit": services.submit,
    "poll": lambda job_id: poll(Job.objects.get(pk=job_id)),
    "collect": services.collect,
}

_HERE = "generation.services"
POINTS: dict[str, tuple[str, int]] = {
    "submit: claimed": (f"{_HERE}.submitting._claim", 1),
    "submit: media brought": (f"{_HERE}.submitting.bring", 1),
    "submit: fence not committed": (f"{_HERE}.submitting.move_among", 1),
    "submit: fenced": (f"{_HERE}.submitting._fence", 1),
    "submit: sent": ("generation.providers.wavespeed.WaveSpeed.submit", 1),
    "submit: answer not committed": (f"{_HERE}.submitting.move", 1),
    "submit: answer written down": (f"{_HERE}.submitting._attach", 1),
    "poll: asked": ("generation.providers.wavespeed.WaveSpeed.result", 1),
    "poll: end not committed": (f"{_HERE}.polling.move_all", 1),
    "poll: hint not committed": (f"{_HERE}.polling.tell_collectors", 1),
    "poll: end written down": (f"{_HERE}.polled", 1),
    "collect: claimed": (f"{_HERE}.collecting._claim", 1),
    "collect: asked": ("generation.providers.wavespeed.WaveSpeed.result", 1),
    "collect: downloaded": ("generation.storage.download", 1),
    "collect: checked": ("generation.storage.probe", 1),
    "collect: video stored": ("generation.storage.place", 1),
    "collect: poster stored": ("generation.storage.place", 2),
    "collect: end not committed": (f"{_HERE}.collecting.move", 1),
    "settle: charge not committed": ("billing.services.settle", 1),
    "settle: charged": (f"{_HERE}.collecting._finish", 1),
}
"""Behind which function, and at which of its calls, the process is killed."""

UPLOAD_POINTS: dict[str, tuple[str, int]] = {
    "announced": ("generation.models.Upload.save", 1),
    "stored": ("django.core.files.storage.FileSystemStorage.save", 1),
    "kept": ("generation.models.Upload.save", 2),
}
"""The same, of a user's file."""

_WRITING = re.compile(r"\s*(INSERT|UPDATE|DELETE)", re.IGNORECASE)


def die_at(point: str, job_id: UUID, world: dict[str, Any]) -> None:
    """Do the step that the point belongs to, until there."""
    _enter(world)
    path, call = POINTS[point]
    _kill_behind(path, call)
    step = point.partition(":")[0]
    STEPS["collect" if step == "settle" else step](job_id)


def die_keeping(point: str, user_id: int, world: dict[str, Any]) -> None:
    """Keep a user's picture, until there."""
    _enter(world)
    _kill_behind(*UPLOAD_POINTS[point])
    make_upload(User.objects.get(pk=user_id))


def die_after(writes: int, step: str, job_id: UUID, world: dict[str, Any]) -> None:
    """Do a step until it has written so many times; who is not killed had no more to write."""
    _enter(world)
    count = itertools.count(1)

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if _WRITING.match(sql) and next(count) == writes:
            _die()
        return found

    with ExitStack() as stack:
        stack.enter_context(connection.execute_wrapper(watch))
        STEPS[step](job_id)


def _enter(world: dict[str, Any]) -> None:
    """Take over the test's database and settings."""
    connections.settings["default"]["NAME"] = world["NAME"]
    for name in world.keys() - {"NAME"}:
        setattr(settings, name, world[name])


def _kill_behind(path: str, call: int) -> None:
    module, _, name = path.rpartition(".")
    try:
        owner: Any = importlib.import_module(module)
    except ModuleNotFoundError:  # a method
        module, _, of = module.rpartition(".")
        owner = getattr(importlib.import_module(module), of)
    true, count = getattr(owner, name), itertools.count(1)

    def dying(*args: Any, **kwargs: Any) -> Any:
        found = true(*args, **kwargs)
        if next(count) == call:
            _die()
        return found

    setattr(owner, name, dying)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
