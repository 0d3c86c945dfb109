"""The usage page, and its statement as a file."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe

from generation.web.pages import UserRequest, page
from generation.web.usage.charged import charged
from generation.web.usage.chart import chart
from generation.web.usage.export import rows
from generation.web.usage.limits import capped_keys, limits
from generation.web.usage.notes import notes
from generation.web.usage.periods import Chosen, choices, chosen
from generation.web.usage.statement import KINDS, Statement, statement


@page
@require_safe
def usage(request: UserRequest) -> HttpResponse:
    """Show a period, the current one where none is named; older lines alone to htmx."""
    looked = chosen(request.user, request.GET.get("period", ""), timezone.now())
    lines = statement(looked.period, request.GET)
    context: dict[str, object] = {"looked": looked, "statement": lines, "older": _older(looked, lines)}
    if request.htmx and not lines.is_first:
        return render(request, "usage/_lines.html", context)
    context |= {"choices": choices(looked), "kinds": _kinds(looked, lines), "file": looked.address("usage-lines")}
    if lines.is_first:
        context |= _shown(request, looked)
    return render(request, "usage/usage.html", context)


@login_required
@require_safe
def lines_as_csv(request: UserRequest) -> StreamingHttpResponse:
    """Answer with all lines of a period."""
    looked = chosen(request.user, request.GET.get("period", ""), timezone.now())
    response = StreamingHttpResponse(rows(looked.period), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{looked.file_name}"'
    patch_cache_control(response, private=True, no_store=True)
    return response


def _shown(request: UserRequest, looked: Chosen) -> dict[str, object]:
    """Return what stands above the lines, on their first page."""
    found = charged(looked.period)
    return {
        "notes": notes(looked),
        "limits": limits(looked),
        "capped": capped_keys(request.user) if looked.is_current else [],
        "charged": found,
        "chart": chart(looked, found),
    }


def _kinds(looked: Chosen, lines: Statement) -> list[tuple[str, str, bool]]:
    """Return address and name of each kind of lines, and whether it is the one that is shown."""
    kinds = [(f"{looked.address(kind=kind)}#lines", name, kind == lines.kind) for kind, name in KINDS.items()]
    return [(f"{looked.address()}#lines", "All lines", not lines.kind), *kinds]


def _older(looked: Chosen, lines: Statement) -> str:
    """Return the address of the next page of the same lines; empty on the last."""
    kind = {"kind": lines.kind} if lines.kind else {}
    return looked.address(**kind, before=lines.more) if lines.more else ""
