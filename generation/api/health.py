"""For load balancers and people who wonder: does it live, can it work?"""

from datetime import timedelta

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse

from generation import clock
from generation.models import Heartbeat
from generation.watcher import BEATS

_SILENT_AFTER = timedelta(seconds=30)


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 as long as this process answers at all."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when the database is there and watcher and workers have beaten in the last 30 s, else 503."""
    try:
        now = clock.now()
        beats = dict(Heartbeat.objects.values_list("name", "beat_at"))
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return JsonResponse({"ready": False, "database": "unreachable"}, status=503)
    states = {name: "ok" if (beat := beats.get(name)) and now - beat < _SILENT_AFTER else "silent" for name in BEATS}
    ready = all(state == "ok" for state in states.values())
    return JsonResponse({"ready": ready, "database": "ok", **states}, status=200 if ready else 503)
