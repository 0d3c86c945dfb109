"""The life of a prediction: created, processing, and one of its ends."""

import asyncio
import contextlib
import time
from typing import Any

import av

from .account import Account
from .faults import Stage, find
from .media import MediaError
from .options import SandboxOptions
from .output_urls import output_url
from .predictions import Prediction, Status
from .scene import shared, spoiled, tiny
from .staging import scene_of

_CREATED_PART = 0.1
_ENDS = {name: Status(name) for name in ("timeout", "cancelled", "deleted")}


async def live(account: Account, prediction: Prediction) -> None:
    """Take a new prediction through its life."""
    account.start(account.courier.lie(prediction, account.options))
    await go_on(account, prediction)


async def go_on(account: Account, prediction: Prediction) -> None:
    """Take a prediction to its end: when its time is over, restarts included, and its file is rendered."""
    options = account.options
    began = time.monotonic() - prediction.age
    rendering = asyncio.create_task(_rendered(account, prediction, options))
    # Stays so if the sandbox itself is at fault: clients must not wait for ever.
    end: Status | None = Status.FAILED
    try:
        await _pass_time(prediction, began + prediction.seconds * _CREATED_PART)
        prediction.status = Status.PROCESSING
        await _pass_time(prediction, began + prediction.seconds)
        end = await _end(prediction, rendering)
    except asyncio.CancelledError:
        # The sandbox stops, not the prediction: it goes on after the next start.
        end = None
        raise
    finally:
        rendering.cancel()
        if end is not None:
            prediction.milliseconds = round((time.monotonic() - began) * 1000)
            account.end(prediction, end)
    if end in {Status.COMPLETED, Status.FAILED}:
        await account.courier.announce(prediction, options)


async def _pass_time(prediction: Prediction, until: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(prediction.hurry.wait(), until - time.monotonic())


async def _end(prediction: Prediction, rendering: "asyncio.Task[list[Any]]") -> Status:
    """Decide how it ends, and write on it what there is to say."""
    failed = find(prediction.faults, "failed")
    if failed is not None:
        return _fail(prediction, int(failed.value or 0), "the task failed, please try again")
    if find(prediction.faults, "moderated"):
        prediction.unsafe = True
        return _fail(prediction, 1200, "content moderation: the content was flagged as sensitive")
    for name, status in _ENDS.items():
        if find(prediction.faults, name):
            prediction.error = f"the task ended: {name}"
            return status
    try:
        prediction.outputs = await rendering
    except MediaError as error:
        return _fail(prediction, error.code, str(error))
    except (av.FFmpegError, OSError) as error:
        return _fail(prediction, 5000, f"rendering failed: {error}")
    return Status.COMPLETED


def _fail(prediction: Prediction, code: int, message: str) -> Status:
    prediction.code, prediction.error = code, message
    return Status.FAILED


async def _rendered(account: Account, prediction: Prediction, options: SandboxOptions) -> list[Any]:
    """Render what was asked for and return the outputs."""
    if any(find(prediction.faults, name) for name in (*_ENDS, "failed", "moderated", "no_outputs")):
        return []
    scene = await asyncio.to_thread(scene_of, prediction, account.uploads, account.prices)
    if options.tiny or options.plain:
        scene = tiny(scene) if options.tiny else shared(scene)
    for fault in prediction.faults:
        scene = spoiled(scene, fault.name) if fault.stage is Stage.RENDER else scene
    await account.renderer.file_of(scene)
    url = output_url(prediction, scene.key, options.webhook_secret)
    return [{"url": url}] if find(prediction.faults, "output_object") else [url]
