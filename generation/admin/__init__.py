"""The operators' pages of jobs, the provider and the engine; and their door, which is the sign-in of everybody."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from generation.admin import board, engine, jobs, provider, uploads

__all__ = ["board", "engine", "environment", "jobs", "provider", "uploads"]

# Whoever is not signed in goes through the sign-in of everybody, second step and rate limits and all.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


def environment(request: HttpRequest) -> tuple[str, str]:
    """Say on every page whether a video costs money; UNFOLD["ENVIRONMENT"]."""
    return ("Sandbox", "warning") if settings.SANDBOX else ("Live", "danger")
