"""The gallery: all videos, newest first, a page at a time; the way back leads to the same place."""

from dataclasses import dataclass
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from generation.models import Job, JobQuerySet, Status
from generation.web.cards import cards_of
from generation.web.pages import UserRequest, page
from generation.web.pulse import Place, pulse_of

PAGE = 24
_MOST = 480  # tiles of one page: whoever scrolled further gets the last so many, and a way to newer ones
_AUTOMATIC_PAGES = 10  # then a button: the end of the page must be reachable
_MOST_UNDER_WAY = 48
_MOST_COUNTED = 99


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What the address asks for. Cursors are ids of jobs: new videos on top shift nothing."""

    failed: bool
    after: Job | None
    until: Job | None
    page: int

    def address(self, **cursor: object) -> str:
        """Return the address of the gallery with the same filter."""
        query = ({"failed": "1"} if self.failed else {}) | cursor
        return f"{reverse('gallery')}?{urlencode(query)}" if query else reverse("gallery")


@page
@require_safe
def gallery(request: UserRequest) -> HttpResponse:
    """Show the videos: a page of tiles to htmx, else everything down to where one was."""
    own = Job.objects.kept().filter(user=request.user).select_related("hold", "source_job")
    asked = _asked(request, own)
    jobs, more = _tiles(own, asked)
    now = timezone.now()
    context = {
        "tiles": cards_of(request.user, jobs, now),
        "more": asked.address(after=jobs[-1].pk, page=asked.page + 1) if more else "",
        "is_automatic": asked.page < _AUTOMATIC_PAGES,
    }
    if request.htmx and asked.after:
        response = render(request, "gallery/_tiles.html", context)
        if jobs:
            # Back then shows all that was seen; a cursor and no number, see design of the pages 5.4.
            response["HX-Replace-Url"] = asked.address(until=jobs[-1].pk)
        return response
    under_way = cards_of(request.user, own.under_way().order_by("created_at", "id")[:_MOST_UNDER_WAY], now)
    counts = {"failed": _counted(own, Status.FAILED), "canceled": _counted(own, Status.CANCELED)}
    context |= {
        "under_way": under_way,
        "pulse": pulse_of([(card, Place.CARD) for card in under_way]),
        "counts": counts,
        "hides": not asked.failed and any(counts.values()),
        "shows_failed": asked.failed,
        "newer": asked.address() if asked.after or len(jobs) == _MOST else "",
    }
    return render(request, "gallery/gallery.html", context)


def _counted(own: JobQuerySet, status: Status) -> str:
    """Return how many there are, "" for none; nobody waits until a hundred thousand are counted."""
    number = own.filter(status=status).order_by().values("pk")[: _MOST_COUNTED + 1].count()
    return f"more than {_MOST_COUNTED}" if number > _MOST_COUNTED else str(number or "")


def _asked(request: UserRequest, own: JobQuerySet) -> _Asked:
    number = request.GET.get("page", "")
    return _Asked(
        failed="failed" in request.GET,
        after=_cursor(request.GET.get("after", ""), own),
        until=_cursor(request.GET.get("until", ""), own),
        page=int(number) if number.isascii() and number.isdigit() and len(number) < 6 else 1,
    )


def _cursor(text: str, own: JobQuerySet) -> Job | None:
    """Return the job that a cursor names; a stranger's leads nowhere."""
    try:
        return own.filter(pk=UUID(text)).first()
    except ValueError:
        return None


def _tiles(own: JobQuerySet, asked: _Asked) -> tuple[list[Job], bool]:
    """Return the jobs to show, the newest first, and whether there are older ones."""
    shown = [Status.SUCCEEDED, Status.FAILED, Status.CANCELED] if asked.failed else [Status.SUCCEEDED]
    jobs = own.filter(status__in=shown).order_by("-created_at", "-id")
    if asked.until and not asked.after:
        # Read from the cursor upwards, so that a long way down keeps its end and not its beginning.
        found = list(jobs.filter(_not_older(asked.until)).order_by("created_at", "id")[:_MOST])[::-1]
        return found, jobs.filter(_older(asked.until)).exists()
    if asked.after:
        jobs = jobs.filter(_older(asked.after))
    found = list(jobs[: PAGE + 1])
    return found[:PAGE], len(found) > PAGE


def _older(job: Job) -> Q:
    return Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, id__lt=job.pk)


def _not_older(job: Job) -> Q:
    return Q(created_at__gt=job.created_at) | Q(created_at=job.created_at, id__gte=job.pk)
