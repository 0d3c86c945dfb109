"""Every error of the API as application/problem+json, made in this one place."""

from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.views import exception_handler

from billing.money import CURRENCY, dollars
from billing.services import AddressNotVerified, InsufficientQuota, ModelNotInPlan, NoPrice, PastDue
from generation.api.parsers import InvalidFile
from generation.api.serializers import QuoteSerializer
from generation.media import NotReady
from generation.services import (
    InUse,
    ModelClosed,
    NotCancelable,
    NotDeletable,
    NotRetryable,
    PriceChanged,
    ReviewNeeded,
    TooLarge,
    TooManyUploads,
)
from generation.spec import Complaint, InvalidSpec

log = structlog.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
_LIMITS = {"key": "the cap of this API key", "free_today": "what Free may cost in all today"}


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


def problem(error: Exception, context: dict[str, Any]) -> JsonResponse:
    """Answer an exception of a view; REST_FRAMEWORK["EXCEPTION_HANDLER"].

    It is the same JSON whatever the view renders, so it never meets a renderer that can't write it.
    """
    answer = exception_handler(error, context)
    found = _known(error, context["request"])
    if found is None:
        log.error("unexpected error", exc_info=error)
        found = Problem(status=500, code="server_error", detail="This is our fault; the request id tells us where.")
    headers = {name: answer[name] for name in ("WWW-Authenticate", "Retry-After") if answer and name in answer}
    return _answer(found, context["request"], headers)


@csrf_exempt  # Nothing happens here, and a program must read 404, not a page about cookies.
def not_found(request: HttpRequest, path: str = "") -> JsonResponse:
    """Answer every address below /api/ that leads nowhere."""
    return _answer(Problem(status=404, code="not_found", detail="There is nothing at this address."), request, {})


def _answer(found: Problem, request: HttpRequest | Request, headers: dict[str, str]) -> JsonResponse:
    body = found.body(str(getattr(request, "request_id", "")))
    return JsonResponse(body, status=found.status, headers=headers, content_type=PROBLEM_JSON)


def _known(error: Exception, request: Request) -> Problem | None:
    return _wrong(error) or _refused(error, request) or _known_to_rest(error) or _known_to_django(error)


def _wrong(error: Exception) -> Problem | None:
    """Return the problem of a body that can't be taken as it stands."""
    match error:
        case InvalidSpec():
            return _invalid_body(error.complaints)
        case InvalidFile():
            return _invalid_file(error)
    return None


def _refused(error: Exception, request: Request) -> Problem | None:
    """Return the problem of what our services refuse."""
    match error:
        case InsufficientQuota():
            return _insufficient_quota(error)
        case PriceChanged():
            extra = {"quote": QuoteSerializer(error.quote, context={"request": request}).data}
            return Problem(status=409, code=error.code, detail=str(error), param="max_cost", extra=extra)
        case NotCancelable() | NotRetryable() | NotDeletable() | NotReady() | InUse() | TooManyUploads():
            return Problem(status=409, code=error.code, detail=str(error))
        case PastDue() | AddressNotVerified() | ReviewNeeded():
            return Problem(status=402 if isinstance(error, PastDue) else 403, code=error.code, detail=str(error))
        case ModelClosed() | NoPrice() | ModelNotInPlan():
            status = 403 if isinstance(error, ModelNotInPlan) else 409
            return Problem(status=status, code=error.code, detail=str(error), param="model")
    return None


def _known_to_rest(error: Exception) -> Problem | None:
    match error:
        case exceptions.ValidationError():
            return _invalid_query(error)
        case exceptions.APIException():
            code = str(getattr(error, "default_code", "error"))
            return Problem(status=error.status_code, code=code, detail=str(error.detail))
    return None


def _known_to_django(error: Exception) -> Problem | None:
    match error:
        case Http404():
            return Problem(status=404, code="not_found", detail="Nothing here, or not for this account.")
        case PermissionDenied():
            return Problem(status=403, code="permission_denied", detail="This is not allowed.")
        case RequestDataTooBig():
            detail = f"The body is too large; allowed: {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes."
            return Problem(status=413, code="body_too_large", detail=detail)
        case SuspiciousOperation() | UnreadablePostError():
            return Problem(status=400, code="bad_request", detail="The request could not be read.")
    return None


def _invalid_body(complaints: tuple[Complaint, ...]) -> Problem:
    """Return the problem of a body whose fields are wrong."""
    errors = [{"pointer": f"#/{_escaped(c.field)}", "detail": c.message} for c in complaints]
    return _invalid(complaints, errors)


def _invalid_file(error: InvalidFile) -> Problem:
    """Return the problem of a form whose file can't be taken: too much of it, or no picture or video."""
    complaint = Complaint(field=error.field, message=str(error.reason))
    found = _invalid_body((complaint,))
    return replace(found, status=413 if isinstance(error.reason, TooLarge) else 400, code=error.reason.code)


def _invalid_query(error: exceptions.ValidationError) -> Problem:
    """Return the problem of an address whose parameters are wrong: bodies are never validated by serializers.

    No pointer into a body leads to them, so the parameter is named beside it.
    """
    found = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    complaints = tuple(
        Complaint(field=str(name), message=" ".join(map(str, messages))) for name, messages in found.items()
    )
    return _invalid(complaints, [{"pointer": "#", "parameter": c.field, "detail": c.message} for c in complaints])


def _invalid(complaints: tuple[Complaint, ...], errors: list[dict[str, str]]) -> Problem:
    detail = " ".join(f"{c.field}: {c.message}" for c in complaints)
    extra = {"errors": errors}
    return Problem(status=400, code=InvalidSpec.code, detail=detail, param=complaints[0].field, extra=extra)


def _insufficient_quota(error: InsufficientQuota) -> Problem:
    money = error.violated not in {"videos", "seconds"}
    required, available = (dollars(v) if money else v for v in (error.required, error.available))
    left = f"${available} is" if money else f"{available} {error.violated} are"
    limit = _LIMITS.get(error.violated, "this period's limit")
    until = f" until {error.resets_at:%d %B %Y %H:%M} UTC" if error.resets_at else ""
    extra = {
        "violated": error.violated,
        "required": required,
        "available": available,
        "currency": CURRENCY,
        "resets_at": error.resets_at.isoformat() if error.resets_at else None,
    }
    detail = f"{f'${required}' if money else required} needed, but {left} left of {limit}{until}."
    return Problem(status=402, code=error.code, detail=detail, extra=extra)


def _escaped(name: str) -> str:
    """Write a field's name into a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
