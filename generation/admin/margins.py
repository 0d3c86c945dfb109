"""The operators' page of what each model brings."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from billing.desk import usd
from generation.catalog import entry_of
from generation.services.earning import Earning, earnings

_TIMES = {1: "24 hours", 7: "7 days", 30: "30 days", 90: "90 days", 365: "A year"}
_USUAL = 30
_HEADERS = ["Model", "Videos", "Charged", "Refunded", "Billed by WaveSpeed", "Margin", "Bills awaited"]


def margins(request: HttpRequest) -> HttpResponse:
    """Show what was charged and billed, by model and in all."""
    if not request.user.has_perm("generation.view_job"):
        raise PermissionDenied
    asked = request.GET.get("days", "")
    days = int(asked) if asked in map(str, _TIMES) else _USUAL
    now = timezone.now()
    found = earnings(now - timedelta(days=days), now)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Margins",
        "times": [(number, words, number == days) for number, words in _TIMES.items()],
        "table": {"headers": _HEADERS, "rows": _rows(found)},
    }
    return render(request, "admin/generation/job/margins.html", context)


def _rows(found: list[Earning]) -> list[list[str]]:
    rows = [_row(_title(each.model), each) for each in found]
    if len(found) > 1:
        sums = {
            name: sum(getattr(each, name) for each in found)
            for name in ("videos", "charged", "refunded", "billed", "margin", "awaited")
        }
        rows.append(_row("All models", Earning(model="", **sums)))
    return rows


def _row(title: str, each: Earning) -> list[str]:
    money = [usd(amount) for amount in (each.charged, each.refunded, each.billed)]
    margin = "–" if each.awaited and not each.billed else f"{usd(each.margin)}{_share(each)}"
    return [title, f"{each.videos:,}", *money, margin, f"{each.awaited:,}"]


def _share(each: Earning) -> str:
    """Return the margin as a share of what was billed for it; nothing where nothing was."""
    return f" ({100 * each.margin / each.billed:+.1f} %)".replace("-", "−") if each.billed else ""


def _title(model_id: str) -> str:
    return f"{entry_of(model_id).title} ({model_id.rsplit('/', 1)[-1]})"
