"""The provider's envelope: every answer is `{"code", "message", "data"}`, and so is every refusal."""

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

_LONGEST_BODY = 1024 * 1024


class RefusalError(Exception):
    """The provider says no; the HTTP status is the envelope's code unless a status is given."""

    def __init__(
        self, code: int, message: str, *, status: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = code if status is None else status
        self.headers = headers


def success(data: object) -> Response:
    """Wrap what was asked for."""
    return JSONResponse({"code": 200, "message": "success", "data": data})


def refusal(error: RefusalError) -> Response:
    """Wrap a refusal."""
    body: dict[str, object] = {"code": error.code, "message": error.message}
    if error.code == 5003:
        # As it has been seen: no word of explanation.
        body = {"code": 5003, "data": None}
    return JSONResponse(body, status_code=error.status, headers=error.headers)


async def on_refusal(_: Request, error: Exception) -> Response:
    """Turn a raised refusal into its answer."""
    if not isinstance(error, RefusalError):
        raise error
    return refusal(error)


async def on_http_error(_: Request, error: Exception) -> Response:
    """Turn an unknown address or a wrong method into an envelope as well."""
    if not isinstance(error, HTTPException):
        raise error
    return refusal(RefusalError(error.status_code, error.detail, headers=error.headers))


async def json_object(request: Request) -> dict[str, Any]:
    """Read the body, which must be a JSON object of at most 1 MiB."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise RefusalError(413, "request body too large")
    try:
        value = json.loads(body)
        if b"\\ud" in body.lower():
            # Half a surrogate pair is valid JSON but no text; it becomes a question mark.
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        raise RefusalError(400, "invalid JSON body") from None
    if not isinstance(value, dict):
        raise RefusalError(400, "request body must be a JSON object")
    return value
