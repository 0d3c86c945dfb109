"""One job: its page, its cancellation, and the pulse that keeps all pages up to date."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from billing.services import InsufficientQuota
from generation import services
from generation.models import Job
from generation.services import ModelClosed, NotCancelable, NotRetryable, PriceChanged, Terms
from generation.spec import InvalidSpec
from generation.templatetags.clapboard import dollars
from generation.web.cards import Card, card_of, cards_of
from generation.web.composer import NOT_NOW
from generation.web.forms import max_cost_of, token_of
from generation.web.history import facts, money_lines, timeline
from generation.web.lineage import lineage
from generation.web.offers import needed
from generation.web.pages import UserRequest, actor, page
from generation.web.pulse import Mark, Place, marks, pulse_of

_RELATED = ("source_job", "upload", "retry_of")  # what the page of a job tells of where it comes from


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
    return _page(request, job_id)


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
        context = _changes(changes) | {"trouble": too_late, "takes_focus": True}
        return _changed(request, context, status)
    return _page(request, job_id, too_late, status) if too_late else _see(job_id)


@page
@require_POST
def retry(request: UserRequest, job_id: UUID) -> HttpResponse:
    """Make the same once more, at the price on the button; or show the job again and say why not."""
    _card(request, job_id)
    sent = {name: str(value) for name, value in request.POST.items()}
    terms = Terms(max_cost=max_cost_of(sent), token=token_of(sent))
    if terms.max_cost is None:
        return _page(request, job_id, "Here is the price. Press again to make it.", HTTPStatus.CONFLICT)
    try:
        return _see(services.retry(job_id, by=actor(request), terms=terms).pk)
    except InvalidSpec as error:
        trouble = " ".join(complaint.message for complaint in error.complaints)
        return _page(request, job_id, trouble, HTTPStatus.UNPROCESSABLE_ENTITY)
    except InsufficientQuota as error:
        return _page(request, job_id, needed(error), HTTPStatus.PAYMENT_REQUIRED)
    except PriceChanged as error:
        now, before = dollars(error.quote.amount.spend), dollars(terms.max_cost)
        trouble = f"The price is now {now} (was {before}). Press again to make it."
        return _page(request, job_id, trouble, HTTPStatus.CONFLICT)
    except (*NOT_NOW, NotRetryable, ModelClosed) as error:
        return _page(request, job_id, str(error), HTTPStatus.CONFLICT)


@page
@require_safe
def pulse(request: UserRequest) -> HttpResponse:
    """Answer with what is other than the page shows; 204 when nothing is, and it keeps asking."""
    seen = {mark.job_id: mark for mark in marks(request.GET.get("seen", ""))}
    found = Job.objects.kept().filter(user=request.user, pk__in=seen).select_related("hold__price", *_RELATED)
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
    return _changed(request, context)


def _see(job_id: UUID) -> HttpResponse:
    response = redirect("job", job_id)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _page(request: UserRequest, job_id: UUID, trouble: str = "", status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Show the page of a job, with what went wrong at its buttons."""
    card = _card(request, job_id)
    context = _whole(card) | {"pulse": pulse_of([(card, Place.PAGE)]), "trouble": trouble}
    return render(request, "jobs/job.html", context, status=status)


def _card(request: UserRequest, job_id: UUID) -> Card:
    own = Job.objects.kept().filter(user=request.user).select_related("hold__price", *_RELATED)
    return card_of(request.user, get_object_or_404(own, pk=job_id), timezone.now())


def _whole(card: Card) -> dict[str, object]:
    """Return all that the page of a job shows."""
    return {
        "card": card,
        "facts": facts(card.job),
        "money_lines": money_lines(card.job),
        "timeline": timeline(card.job),
        "lineage": lineage(card.job),
    }


def _changed(request: UserRequest, context: dict[str, object], status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    """Answer with what is swapped in; where money moved a composer on the page asks for its offer anew."""
    response = render(request, "jobs/_changes.html", context, status=status)
    return trigger_client_event(response, "moneyMoved") if context["money_moved"] else response


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
