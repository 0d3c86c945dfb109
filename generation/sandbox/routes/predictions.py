"""Asking for predictions, listing and deleting them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.sandbox.broken import Dropped
from generation.sandbox.envelope import RefusalError, json_object, refusal, success
from generation.sandbox.faults import Fault, Stage
from generation.sandbox.predictions import Prediction

from .access import account_of
from .submit import unreadable

_KEPT = timedelta(days=7)
_UNKNOWN_STATUS = "pondering"
_REFUSALS = {
    "503_polling": RefusalError(503, "Service Unavailable"),
    "404_polling": RefusalError(404, "prediction not found"),
    "5003_polling": RefusalError(5003, "", status=200),
}


async def result(request: Request) -> Response:
    """Show one prediction as it stands."""
    account = account_of(request)
    prediction = account.predictions.get(request.path_params["prediction_id"])
    if prediction is None:
        raise RefusalError(404, "prediction not found")
    prediction.polls += 1
    fault = account.tally.next(prediction.faults, Stage.POLL, prediction.id)
    if fault is not None:
        return _spoiled(prediction, fault)
    return success(prediction.shown())


def _spoiled(prediction: Prediction, fault: Fault) -> Response:
    if fault.name in _REFUSALS:
        return refusal(_REFUSALS[fault.name])
    match fault.name:
        case "429_polling":
            return refusal(RefusalError(429, "Too Many Requests", headers={"Retry-After": f"{fault.value or 0:.0f}"}))
        case "unreadable_polling":
            return unreadable()
        case "dropped_polling":
            return Dropped()
        case _:
            return success(prediction.shown() | {"status": _UNKNOWN_STATUS, "outputs": []})


async def listing(request: Request) -> Response:
    """List the predictions of the last seven days that fit, newest first, a page at a time."""
    account = account_of(request)
    body = await json_object(request)
    page, size = paging(body)
    fits = _filter(body)
    found = [prediction for prediction in reversed(account.predictions.values()) if fits(prediction)]
    with_inputs = account.options.include_inputs and body.get("include_inputs") is True
    shown = [
        prediction.listed() if with_inputs else prediction.shown()
        for prediction in found[(page - 1) * size : page * size]
    ]
    return success({"page": page, "items": shown})


def paging(body: dict[str, Any]) -> tuple[int, int]:
    """Read which page is wished and how long it is."""
    page, size = body.get("page", 1), body.get("page_size", 20)
    if type(page) is not int or page < 1:
        raise RefusalError(400, "page must be a positive integer")
    if type(size) is not int or not 1 <= size <= 100:
        raise RefusalError(400, "page_size must be an integer from 1 to 100")
    return page, size


def _filter(body: dict[str, Any]) -> Callable[[Prediction], bool]:
    model, status = body.get("model"), body.get("status")
    oldest = datetime.now(UTC) - _KEPT
    after = max(oldest, moment(body, "created_after") or oldest)
    before = moment(body, "created_before")

    def fits(prediction: Prediction) -> bool:
        return (
            not prediction.hidden
            and model in {None, "", prediction.model.id}
            and status in {None, "", prediction.status.value}
            and prediction.created_at >= after
            and (before is None or prediction.created_at <= before)
        )

    return fits


def moment(body: dict[str, Any], name: str) -> datetime | None:
    """Read a moment in ISO 8601; one without an offset is UTC."""
    text = body.get(name)
    if text in {None, ""}:
        return None
    try:
        read = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RefusalError(400, f"{name} must be a time in ISO 8601") from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


async def delete(request: Request) -> Response:
    """Hide predictions. What runs goes on running, and is charged."""
    account = account_of(request)
    ids = (await json_object(request)).get("ids")
    if not isinstance(ids, list) or not ids or not all(isinstance(each, str) for each in ids):
        raise RefusalError(400, "ids must be a list of prediction ids")
    found = [account.predictions[each] for each in set(ids) if each in account.predictions]
    fresh = [prediction for prediction in found if not prediction.hidden]
    for prediction in fresh:
        prediction.hidden = True
    account.memory.changed()
    return success({"deleted_count": len(fresh)})
