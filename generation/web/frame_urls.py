"""Addresses of what all pages share."""

from django.urls import URLPattern, path

from generation.web import frame
from generation.web.icons import VERSION

urlpatterns: list[URLPattern] = [
    path("theme/", frame.theme, name="theme"),
    path(f"icons.{VERSION}.svg", frame.icons, name="icons"),
    path("favicon.svg", frame.favicon, name="favicon"),
]
