"""Control for tests, chaos and the curious; the real provider has nothing like it."""

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from generation.sandbox.account import Account
from generation.sandbox.drift import UnknownDriftError
from generation.sandbox.envelope import RefusalError, json_object
from generation.sandbox.faults import UnknownFaultError
from generation.sandbox.prices import to_dollars

from .access import account_of

# What may change while it runs, and what it may be.
_CHANGEABLE: dict[str, tuple[type, ...]] = {
    "seconds": (int, float),
    "balance": (int, float),
    "concurrent": (int, type(None)),
    "per_minute": (int, type(None)),
    "faults": (list,),
    "fault_probability": (int, float),
    "fault_seed": (int,),
    "prices": (dict,),
    "without": (list,),
    "schemas": (dict,),
    "include_inputs": (bool,),
    "webhook_secret": (str,),
    "webhook_pause": (int, float),
    "api_key": (str, type(None)),
    "tiny": (bool,),
    "plain": (bool,),
}


async def stats(request: Request) -> Response:
    """Count what has happened since the start or the last reset."""
    return JSONResponse(_stats(account_of(request)))


def _stats(account: Account) -> dict[str, Any]:
    return {
        "submissions": len(account.predictions),
        "requests": dict(account.requests),
        "running": len(account.running),
        "most_running": account.most_running,
        "leaked_keys": account.leaked_keys,
        "balance": to_dollars(account.balance),
        "webhooks": dict(account.courier.counts),
        "predictions": [
            {
                "id": prediction.id,
                "model": prediction.model.id,
                "prompt": prediction.inputs["prompt"],
                "status": prediction.status.value,
                "polls": prediction.polls,
                "webhook": prediction.webhook,
                "ended": None if prediction.ended is None else prediction.ended / 1e9,
            }
            for prediction in account.predictions.values()
        ],
    }


async def options(request: Request) -> Response:
    """Change options at once; predictions that have begun keep their length and faults."""
    account = account_of(request)
    changes = await json_object(request)
    for name, value in changes.items():
        if name not in _CHANGEABLE:
            raise RefusalError(400, f"no option that can be changed: {name}")
        if type(value) not in _CHANGEABLE[name]:
            raise RefusalError(400, f"wrong type for {name}")
    if "faults" in changes:
        changes["faults"] = tuple(str(words) for words in changes["faults"])
    if "without" in changes:
        changes["without"] = tuple(str(model) for model in changes["without"])
    try:
        account.change(changes)
    except (UnknownFaultError, UnknownDriftError) as error:
        raise RefusalError(400, str(error)) from None
    return JSONResponse({name: asdict(account.options)[name] for name in _CHANGEABLE})


async def finish(request: Request) -> Response:
    """End running predictions now, whatever time they have left: those of `ids`, or all."""
    account = account_of(request)
    ids = (await json_object(request)).get("ids")
    chosen = [each for each in account.running.values() if ids is None or each.id in ids]
    for prediction in chosen:
        prediction.hurry.set()
    return JSONResponse({"hurried": len(chosen)})


async def reset(request: Request) -> Response:
    """Forget everything since the start but the rendered files."""
    account = account_of(request)
    await account.reset()
    return JSONResponse(_stats(account))
