"""Webhooks in. No session, no login, no form: the token in the address and the signature say who calls."""

from typing import IO
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from gunicorn.http.errors import ParseException

from generation import services

_MOST_BYTES = 1 << 20  # a prediction's answer has no more


@csrf_exempt
@require_POST
def wavespeed(request: HttpRequest, job_id: UUID, token: str) -> HttpResponse:
    """Take a webhook of WaveSpeed's: 204 where it is believed. All else looks like a job that is not there."""
    body = _body(request)
    believed = body is not None and services.hear(job_id, token, request.headers, body)
    return HttpResponse(status=204 if believed else 404)


def _body(request: HttpRequest) -> bytes | None:
    """Return the whole body, None where it is too long or did not arrive."""
    try:
        body = _arriving(request).read(_MOST_BYTES + 1)
    except (OSError, ParseException):
        return None
    return None if len(body) > _MOST_BYTES else body


def _arriving(request: HttpRequest) -> IO[bytes] | HttpRequest:
    """Return what to read. Django reads nothing where no length is declared, as by a sender or proxy of chunks."""
    if request.META.get("CONTENT_LENGTH") or not request.META.get("wsgi.input_terminated"):
        return request
    found: IO[bytes] = request.META["wsgi.input"]  # which the server ends itself
    return found
