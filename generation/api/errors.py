"""Every error of the API as application/problem+json, made in this one place."""

from dataclasses import dataclass, field
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, JsonResponse
from django.http.request import HttpRequest
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from billing.money import CURRENCY, dollars
from billing.services import InsufficientQuota, ModelNotInPlan, NoPrice
from generation.api.serializers import QuoteSerializer
from generation.services import NotCancelable, PriceChanged
from generation.spec import Complaint, InvalidSpec

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One error: HTTP status, our code, a sentence, and what belongs to it beside."""

    status: int
    code: str
    detail: str
    param: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self, request_id: str) -> dict[str, Any]:
        """Return it as RFC 9457 says, with the `error` member that OpenAI's clients read."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "type": f"urn:clapboard:problem:{self.code}",
            "title": self.code.replace("_", " ").capitalize(),
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
            **self.extra,
            "error": {"message": self.detail, "type": kind, "param": self.param, "code": self.code},
        }


def problem(error: Exception, context: dict[str, Any]) -> Response:
    """Answer an exception of a view; REST_FRAMEWORK["EXCEPTION_HANDLER"]."""
    answer = exception_handler(error, context)
    found = _known(error)
    if found is None:
        log.error("unexpected error", exc_info=error)
        found = Problem(status=500, code="server_error", detail="This is our fault; the request id tells us where.")
    headers = {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if answer and name in answer}
    body = found.body(_request_id(context["request"]))
    return Response(body, status=found.status, headers=headers, content_type=PROBLEM_JSON)


def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer every address below /api/ that leads nowhere."""
    body = Problem(status=404, code="not_found", detail="There is nothing at this address.").body(
        getattr(request, "request_id", "")
    )
    return JsonResponse(body, status=404, content_type=PROBLEM_JSON)


def invalid(*complaints: Complaint) -> Problem:
    """Return the problem of a body whose fields are wrong."""
    return Problem(
        status=400,
        code="invalid_input",
        detail=" ".join(f"{c.field}: {c.message}" for c in complaints),
        param=complaints[0].field,
        extra={"errors": [{"pointer": f"#/{_escaped(c.field)}", "detail": c.message} for c in complaints]},
    )


def _known(error: Exception) -> Problem | None:
    match error:
        case InvalidSpec():
            return invalid(*error.complaints)
        case InsufficientQuota():
            return _insufficient_quota(error)
        case PriceChanged():
            extra = {"quote": QuoteSerializer(error.quote).data}
            return Problem(status=409, code=error.code, detail=str(error), param="max_cost", extra=extra)
        case NotCancelable():
            return Problem(status=409, code=error.code, detail=str(error))
        case NoPrice():
            return Problem(status=409, code=error.code, detail=str(error), param="model")
        case ModelNotInPlan():
            return Problem(status=403, code=error.code, detail=str(error), param="model")
        case Http404():
            return Problem(status=404, code="not_found", detail="Nothing here, or not for this account.")
        case PermissionDenied():
            return Problem(status=403, code="permission_denied", detail="This is not allowed.")
        case exceptions.APIException():
            code = str(getattr(error, "default_code", "error"))
            return Problem(status=error.status_code, code=code, detail=_sentence(error))
    return None


def _insufficient_quota(error: InsufficientQuota) -> Problem:
    money = error.violated == "spend"
    required, available = (dollars(v) if money else v for v in (error.required, error.available))
    unit = "$" if money else ""
    detail = (
        f"This needs {unit}{required} of the limit on {error.violated}, and {unit}{available} is left "
        f"until {error.resets_at:%d %B %Y %H:%M} UTC."
    )
    extra = {
        "violated": error.violated,
        "required": required,
        "available": available,
        "currency": CURRENCY,
        "resets_at": error.resets_at.isoformat(),
    }
    return Problem(status=402, code=error.code, detail=detail, extra=extra)


def _sentence(error: exceptions.APIException) -> str:
    return str(error.detail) if not isinstance(error.detail, list | dict) else str(error)


def _escaped(name: str) -> str:
    """Write a field's name into a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _request_id(request: Request) -> str:
    return str(getattr(request, "request_id", ""))
