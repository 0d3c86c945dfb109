"""What every request passes: its id, the content policy of its path, and sign-in for htmx requests."""

import re
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs, urlencode, urlsplit

import structlog
from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

GetResponse = Callable[[HttpRequest], HttpResponse]

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id(get_response: GetResponse) -> GetResponse:
    """Give each request an id, the caller's own where it sent a sane one; answers, log lines and jobs bear it."""

    def middleware(request: HttpRequest) -> HttpResponse:
        wished = request.headers.get("X-Request-ID", "")
        request.request_id = wished if _REQUEST_ID.fullmatch(wished) else secrets.token_hex(16)  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            response = get_response(request)
        response["X-Request-ID"] = request.request_id  # type: ignore[attr-defined]
        return response

    return middleware


class ContentSecurityPolicy(CSPMiddleware):
    """The strict policy of our pages; the admin and the API's documentation get what their libraries cannot do without.

    unfold's Alpine evaluates expressions and both write inline styles; neither needs inline scripts or foreign hosts.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Set the header by the path of the request."""
        if request.path.startswith("/admin/"):
            response._csp_update = {"script-src": [UNSAFE_EVAL], "style-src": [UNSAFE_INLINE]}  # type: ignore[attr-defined]  # noqa: SLF001
        elif request.path == "/api/docs/":
            response._csp_update = {"style-src": [UNSAFE_INLINE]}  # type: ignore[attr-defined]  # noqa: SLF001
        result: HttpResponseBase = super().process_response(request, response)
        return result


def htmx_login_redirect(get_response: GetResponse) -> GetResponse:
    """Answer an htmx request of a signed-out browser with the sign-in page as a page, not inside a card."""
    login = resolve_url(settings.LOGIN_URL)

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        target = urlsplit(response.get("Location", ""))
        if not getattr(request, "htmx", False) or response.status_code != 302 or target.path != login:
            return response
        page = urlsplit(request.htmx.current_url_abs_path or "/").path  # type: ignore[attr-defined]
        query = parse_qs(target.query) | {"next": [page]}
        return HttpResponse(status=204, headers={"HX-Redirect": f"{login}?{urlencode(query, doseq=True)}"})

    return middleware
