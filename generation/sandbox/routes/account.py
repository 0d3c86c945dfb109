"""What the account is told about models and money."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from generation.sandbox.account import Account
from generation.sandbox.envelope import RefusalError, json_object, success
from generation.sandbox.media import MediaError, clip
from generation.sandbox.predictions import Prediction, stamp
from generation.sandbox.prices import to_dollars
from generation.sandbox.schemas import Model, problem_of_values

from .access import account_of, origin_of
from .predictions import moment, paging


async def models(request: Request) -> Response:
    """List the models with their schemas."""
    account = account_of(request)
    return success([_shown(model, to_dollars(account.prices.floor(model))) for model in account.models.values()])


def _shown(model: Model, base_price: float) -> dict[str, Any]:
    schema = {
        "type": "model_run",
        "method": "POST",
        "api_path": f"/api/v3/{model.id}",
        "request_schema": model.request,
    }
    return {
        "model_id": model.id,
        "name": model.name,
        "base_price": base_price,
        "description": f"{model.name}, played by the sandbox.",
        "type": model.type,
        "api_schema": {"api_schemas": [schema]},
    }


async def price(request: Request) -> Response:
    """Say what a job would cost; incomplete inputs silently get the floor."""
    model, dollars = await _priced(request)
    return success(
        {
            "model_id": model.id,
            "price": dollars,
            "discounted_price": dollars,
            "discount_rate": 0,
            "currency": "USD",
        }
    )


async def old_price(request: Request) -> Response:
    """Say the same in the words of the old path."""
    _, dollars = await _priced(request)
    return success({"unit_price": dollars, "currency": "USD"})


async def _priced(request: Request) -> tuple[Model, float]:
    account = account_of(request)
    body = await json_object(request)
    model = account.models.get(str(body.get("model_id")))
    if model is None:
        raise RefusalError(404, "model not found")
    inputs = body.get("inputs") or {}
    if not isinstance(inputs, dict):
        raise RefusalError(400, "inputs must be an object")
    wrong = problem_of_values(model, inputs)
    if wrong:
        raise RefusalError(400, f"invalid input: {wrong}")
    seconds = await _source_seconds(account, inputs, origin_of(request))
    return model, to_dollars(account.prices.asked(model, inputs, seconds))


async def _source_seconds(account: Account, inputs: dict[str, Any], origin: str) -> float:
    path = account.uploads.at(inputs.get("video", ""), origin)
    if path is None:
        return 0.0
    try:
        return (await asyncio.to_thread(clip, path)).duration
    except MediaError:
        return 0.0


async def balance(request: Request) -> Response:
    """Say how many dollars are left."""
    return success({"balance": to_dollars(account_of(request).balance)})


async def bills(request: Request) -> Response:
    """List what has been charged, newest first; what fails costs nothing here."""
    account = account_of(request)
    body = await json_object(request)
    page, size = paging(body)
    found = [each for each in reversed(account.predictions.values()) if _wanted(each, body)]
    here = found[(page - 1) * size : page * size]
    items = [_bill(prediction, prediction.charged or 0) for prediction in here]
    return success({"page": page, "has_more": len(found) > page * size, "items": items})


def _wanted(prediction: Prediction, body: dict[str, Any]) -> bool:
    ids = body.get("prediction_uuids")
    start, end = moment(body, "start_time"), moment(body, "end_time")
    return (
        prediction.charged is not None
        and body.get("billing_type") in {None, "", "deduct"}
        and (not ids or prediction.id in ids)
        and body.get("model_uuid") in {None, "", prediction.model.id}
        and (start is None or prediction.created_at >= start)
        and (end is None or prediction.created_at <= end)
    )


def _bill(prediction: Prediction, micros: int) -> dict[str, Any]:
    return {
        "uuid": f"bill-{prediction.id}",
        "billing_type": "deduct",
        "price": to_dollars(micros),
        "created_at": stamp(prediction.created),
        "access_key_name": "sandbox",
        "prediction": {
            "uuid": prediction.id,
            "model_uuid": prediction.model.id,
            "status": prediction.status.value,
        },
    }


async def webhook_secret(request: Request) -> Response:
    """Say with which secret webhooks are signed."""
    return success({"secret": account_of(request).options.webhook_secret})
