"""For load balancers and people who wonder: does it live, can it work?"""

from django.db import Error
from django.http import HttpRequest, HttpResponse, JsonResponse

from generation import clock, heart


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process answers at all."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database is there and watcher and workers gave a sign of life in the last 30 s, else 503."""
    try:
        silent = heart.silent(clock.now())
    except Error:
        return JsonResponse({"ready": False, "database": "unreachable"}, status=503)
    states = {name: "silent" if name in silent else "ok" for name in heart.BEATS}
    return JsonResponse({"ready": not silent, "database": "ok", **states}, status=503 if silent else 200)
