"""Downloading outputs, whole or spoiled on demand."""

import hmac
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from generation.sandbox.broken import Cut, Drip, Endless
from generation.sandbox.envelope import RefusalError, refusal
from generation.sandbox.faults import Fault, Stage
from generation.sandbox.output_urls import output_signature

from .access import account_of

_OTHER_BODIES = {
    "html": (b"<!doctype html><title>Sign in</title><h1>Please sign in to continue</h1>", "text/html"),
    "garbage": (bytes(range(256)) * 256, "video/mp4"),
    "empty": (b"", "video/mp4"),
}


async def output(request: Request) -> Response:
    """Hand out a rendered file to whoever has its whole address."""
    account = account_of(request)
    key, prediction_id = request.path_params["key"], request.query_params.get("prediction", "")
    wanted = output_signature(prediction_id, key, account.options.webhook_secret)
    # Signed by us, so the key is one of ours and no path of somebody's choice.
    if not hmac.compare_digest(request.query_params.get("signature", "").encode(), wanted.encode()):
        raise RefusalError(403, "signature does not match: the address must be used with its whole query string")
    path = account.renderer.path(key)
    if not path.exists():
        raise RefusalError(404, "output not found")
    prediction = account.predictions.get(prediction_id)
    faults = () if prediction is None else prediction.faults
    fault = account.tally.next(faults, Stage.OUTPUT, prediction_id) if request.method == "GET" else None
    return FileResponse(path, media_type="video/mp4") if fault is None else _spoiled(fault, path)


def _spoiled(fault: Fault, path: Path) -> Response:
    if fault.name in _OTHER_BODIES:
        body, media_type = _OTHER_BODIES[fault.name]
        return Response(body, media_type=media_type)
    match fault.name:
        case "cut" | "cut_always":
            return Cut(path)
        case "endless":
            return Endless(path)
        case "slow_drip":
            return Drip(path, fault.value or 0)
        case "503_output":
            return refusal(RefusalError(503, "Service Unavailable"))
        case _:
            return refusal(RefusalError(404, "output not found"))
