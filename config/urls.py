"""What answers where."""

from django.contrib import admin
from django.urls import include, path

from generation.api import health
from generation.metrics.views import metrics

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.urls")),
    path("api/", include("generation.api.urls")),
    path("hooks/", include("generation.hooks.urls")),
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("metrics", metrics),
    path("", include("generation.web.urls")),
]
