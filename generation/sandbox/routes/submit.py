"""Submitting: the one POST that costs money."""

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from generation.sandbox.account import Account
from generation.sandbox.broken import Dropped
from generation.sandbox.envelope import RefusalError, json_object, refusal, success
from generation.sandbox.faults import Fault, Stage, UnknownFaultError
from generation.sandbox.life import live
from generation.sandbox.predictions import Prediction
from generation.sandbox.schemas import Model, problem

from .access import account_of, origin_of

_REFUSALS = {
    "refused": RefusalError(400, "invalid request: refused on demand"),
    "refused_envelope": RefusalError(400, "invalid request: refused on demand", status=200),
    "no_credit": RefusalError(402, "Insufficient credits. Please top up your account."),
    "unauthorized": RefusalError(401, "Unauthorized: invalid API key"),
    "rate_limited": RefusalError(429, "You have reached your concurrency limit"),
    "plain_429": RefusalError(429, "Please try again later"),
    "plain_429_after": RefusalError(429, "Please try again later"),
    "408_before": RefusalError(408, "Request Timeout"),
    "500_before": RefusalError(500, "Internal Server Error"),
    "500_after": RefusalError(500, "Internal Server Error"),
    "5003_before": RefusalError(5003, "", status=200),
    "5003": RefusalError(5003, "", status=200),
}


async def submit(request: Request) -> Response:
    """Take a job: refuse it, or create a prediction and start its life."""
    account = account_of(request)
    model = account.models.get(request.path_params["model_id"])
    if model is None:
        raise RefusalError(404, f"model not found: {request.path_params['model_id']}")
    inputs = await json_object(request)
    wrong = problem(model, inputs)
    if wrong:
        raise RefusalError(400, f"invalid input: {wrong}")
    faults = _faults(account, inputs["prompt"])
    fault = account.tally.next(faults, Stage.BEFORE, inputs["prompt"])
    if fault is not None and fault.name == "refused_quoting":
        raise RefusalError(400, f"invalid request: refused on demand: {inputs['prompt']}")
    if fault is not None:
        return _spoiled(fault)
    prediction = _accept(request, model, inputs, faults)
    fault = account.tally.next(faults, Stage.AFTER, prediction.id)
    return await _answer(prediction, fault)


def _faults(account: Account, prompt: str) -> tuple[Fault, ...]:
    try:
        return account.faults_of(prompt)
    except UnknownFaultError as error:
        raise RefusalError(400, str(error)) from None


def _accept(request: Request, model: Model, inputs: dict[str, Any], faults: tuple[Fault, ...]) -> Prediction:
    account = account_of(request)
    price = account.prices.of(model, inputs)
    account.check_limits(price)
    prediction = account.add(
        model,
        inputs,
        origin=origin_of(request),
        price=price,
        faults=faults,
        webhook=request.query_params.get("webhook"),
    )
    account.start(live(account, prediction))
    return prediction


async def _answer(prediction: Prediction, fault: Fault | None) -> Response:
    if fault is None:
        return success(prediction.accepted())
    if fault.name == "hang":
        await asyncio.sleep(fault.value or 0)
        return success(prediction.accepted())
    if fault.name == "no_id":
        return success({name: value for name, value in prediction.accepted().items() if name != "id"})
    return _spoiled(fault)


def _spoiled(fault: Fault) -> Response:
    if fault.name in {"dropped", "dropped_before"}:
        return Dropped()
    if fault.name == "unreadable":
        return unreadable()
    if fault.name == "rate_limited_retry_after":
        wait = {"Retry-After": f"{fault.value or 0:.0f}"}
        return refusal(RefusalError(429, "You have reached your concurrency limit", headers=wait))
    return refusal(_REFUSALS[fault.name])


def unreadable() -> Response:
    """Break off in the middle of what claims to be JSON."""
    return Response('{"code": 200, "message": "succ', media_type=JSONResponse.media_type)
