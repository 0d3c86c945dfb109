"""Calls from Python in a test: on an event loop of their own, while the engine turns in between."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.utils import timezone

from billing.models import User
from generation import ai_video_generate
from generation.calls.giving import Video
from generation.calls.threads import let_go
from generation.heart import BEATS
from generation.models import Heartbeat
from tests import engine

_T = TypeVar("_T")
_PATIENCE = 60  # seconds


def bring_to_life() -> None:
    """Let watcher and workers look alive."""
    for name in BEATS:
        Heartbeat.objects.update_or_create(name=name, defaults={"beat_at": timezone.now()})


def call(user: User, **wish: Any) -> Coroutine[Any, Any, Video]:
    """Ask for a video as Python callers do: of LTX-2 Pro, unless told otherwise."""
    said: dict[str, Any] = {"prompt": "A red fox", "model": "ltx-2-pro", "user_id": user.pk, "timeout": _PATIENCE}
    return ai_video_generate(**(said | wish))


def run(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run it on an event loop of its own; the engine stands still."""
    return asyncio.run(_then_let_go(coroutine))


def run_with_engine(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """Run it on an event loop of its own, and the engine beside it."""
    return asyncio.run(_then_let_go(_beside_the_engine(coroutine)))


async def _then_let_go(coroutine: Coroutine[Any, Any, _T]) -> _T:
    try:
        return await coroutine
    finally:
        await let_go()  # or the connection would outlive the test and keep its database


async def _beside_the_engine(coroutine: Coroutine[Any, Any, _T]) -> _T:
    turning = asyncio.create_task(_turn())
    try:
        return await coroutine
    finally:
        turning.cancel()
        with suppress(asyncio.CancelledError):
            await turning


async def _turn() -> None:
    while True:
        await sync_to_async(engine.turn)()
        await asyncio.sleep(0.02)
