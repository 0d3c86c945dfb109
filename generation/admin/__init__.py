"""The operators' pages of jobs, the provider and the engine; and their door, which is the sign-in of everybody."""

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from generation.admin import board, engine, jobs, provider, uploads

__all__ = ["board", "engine", "environment", "jobs", "provider", "uploads"]

# Whoever is not signed in goes through the sign-in of everybody, second step and rate limits and all.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
_get_app_list = admin.site.get_app_list


def _in_the_sidebar_s_words(request: HttpRequest, app_label: str | None = None) -> list[Any]:
    """Return the index's rows, each by the name that it has in the sidebar."""
    sidebar: Any = settings.UNFOLD["SIDEBAR"]
    items = [item for group in sidebar["navigation"] for item in group["items"]]
    titles = {str(item["link"]): item["title"] for item in items}
    rows = _get_app_list(request, app_label)
    for row in (row for app in rows for row in app["models"]):
        row["name"] = titles.get(row["admin_url"], row["name"])
    return rows


admin.site.get_app_list = _in_the_sidebar_s_words  # type: ignore[method-assign]


def environment(request: HttpRequest) -> tuple[str, str]:
    """Say on every page whether a video costs money; UNFOLD["ENVIRONMENT"]."""
    return ("Sandbox", "warning") if settings.SANDBOX else ("Live", "danger")
