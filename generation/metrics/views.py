"""Figures for Prometheus. Read from the database when asked, so that any web process can answer for all."""

import hmac
from collections.abc import Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from generation import clock
from generation.metrics.engine import standing
from generation.metrics.recent import recent


@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer whoever bears METRICS_TOKEN; for all others there is nothing here."""
    wanted = f"Bearer {settings.METRICS_TOKEN}".encode()
    given = request.headers.get("Authorization", "").encode(errors="replace")
    may = settings.METRICS_TOKEN and request.method in {"GET", "HEAD"}
    if not may or not hmac.compare_digest(given, wanted):
        raise Http404
    registry = CollectorRegistry()
    registry.register(_Figures())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class _Figures:
    """All families of figures, as of one moment."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield them, as Prometheus' client wants it."""
        now = clock.now()
        yield from standing(now)
        yield from recent(now)
