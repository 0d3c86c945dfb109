"""One job: its page, its cancellation, and the pulse that keeps all pages up to date."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from generation import services
from generation.models import Job
from generation.services import NotCancelable
from generation.web.cards import Card, card_of, cards_of
from generation.web.history import facts, money_lines, timeline
from generation.web.pages import UserRequest, actor, page
from generation.web.pulse import Mark, Place, marks, pulse_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A card that is another than the page shows."""

    card: Card
    place: Place
    is_new_stage: bool


@page
@require_safe
def job(request: UserRequest, job_id: UUID) -> HttpResponse:
    """Show a job: its video or how far it is, what was wished and delivered, and where its money is."""
    card = _card(request, job_id)
    return render(request, "jobs/job.html", _whole(card) | {"pulse": pulse_of([(card, Place.PAGE)])})


@page
@require_POST
def cancel(request: UserRequest, job_id: UUID) -> HttpResponse:
    """Take a queued job back; 409 when it is too late."""
    _card(request, job_id)
    too_late, status = "", HTTPStatus.OK
    try:
        services.cancel(job_id, by=actor(request))
    except NotCancelable as error:
        too_late, status = str(error), HTTPStatus.CONFLICT
    if request.htmx:
        sent = request.POST.get("place", "")
        place = Place(sent) if sent in set(Place) else Place.CARD
        changes = [Change(card=_card(request, job_id), place=place, is_new_stage=True)]
        # The button that was pressed is gone: the focus goes to the heading of its card.
        context = _changes(changes) | {"too_late": too_late, "takes_focus": True}
        return render(request, "jobs/_changes.html", context, status=status)
    if too_late:
        card = _card(request, job_id)
        context = _whole(card) | {"pulse": pulse_of([(card, Place.PAGE)]), "too_late": too_late}
        return render(request, "jobs/job.html", context, status=status)
    response = redirect("job", job_id)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


@page
@require_safe
def pulse(request: UserRequest) -> HttpResponse:
    """Answer with what is other than the page shows; 204 when nothing is, and it keeps asking."""
    seen = {mark.job_id: mark for mark in marks(request.GET.get("seen", ""))}
    found = Job.objects.filter(user=request.user, pk__in=seen).select_related("hold__price")
    cards = {card.job.pk: card for card in cards_of(request.user, found, timezone.now())}
    # In the order of the page; what is gone, or never was this user's, is no longer asked about.
    shown = [(cards[job_id], mark) for job_id, mark in seen.items() if job_id in cards]
    changes = [
        Change(card=card, place=mark.place, is_new_stage=card.stage != mark.stage)
        for card, mark in shown
        if Mark.of(card, mark.place) != mark
    ]
    if not changes and len(shown) == len(seen) and seen:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    context = _changes(changes) | {"pulse": pulse_of([(card, mark.place) for card, mark in shown])}
    return render(request, "jobs/_changes.html", context)


def _card(request: UserRequest, job_id: UUID) -> Card:
    own = Job.objects.filter(user=request.user).select_related("hold__price")
    return card_of(request.user, get_object_or_404(own, pk=job_id), timezone.now())


def _whole(card: Card) -> dict[str, object]:
    """Return all that the page of a job shows."""
    return {
        "card": card,
        "facts": facts(card.job),
        "money_lines": money_lines(card.job),
        "timeline": timeline(card.job),
    }


def _changes(changes: list[Change]) -> dict[str, object]:
    """Return what is swapped in and said aloud: stages only, or readers would hear every percent."""
    new_stages = [change for change in changes if change.is_new_stage]
    on_page = next((change for change in changes if change.place == Place.PAGE), None)
    titled = next((change.card.page_title for change in changes if change.place != Place.CARD), "")
    return {
        "changes": changes,
        "announcement": " ".join(change.card.announcement for change in new_stages),
        "money_moved": any(change.card.job.is_final for change in new_stages),
        "page_title": titled,
        **(_whole(on_page.card) if on_page and on_page.is_new_stage else {}),
    }
