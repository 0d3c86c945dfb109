"""The studio: say what should happen, see what it costs, make it."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from generation.models import Job, Status
from generation.receiving import Bounded, takes_files
from generation.web.cards import cards_of
from generation.web.composer import Refusal, attempt, context, form_of, receive
from generation.web.forms import WishForm
from generation.web.pages import UserRequest, page
from generation.web.pulse import Place, pulse_of

_LAST_VIDEOS = 8
_MOST_UNDER_WAY = 24


# The token of the form is looked for once it is known that a file may come along: that reads the body.
@csrf_exempt
@page
@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: UserRequest) -> HttpResponse:
    """Show the studio; or, where the form was sent, make the video or say why not."""
    if request.method == "POST":
        return _sent(request, takes_files(request))
    return render(request, "studio/studio.html", context(request, _first_form(request)) | _stage(request))


@page
@require_POST
def offer(request: UserRequest) -> HttpResponse:
    """Price the form as it stands; with the fields of another model where that was chosen."""
    form = form_of(request)
    shown = context(request, form) | {"model_changed": form.is_of_another, "is_unasked": "unasked" in request.POST}
    return render(request, "studio/_repriced.html", shown)


@csrf_exempt
@page
@require_POST
def upload(request: UserRequest) -> HttpResponse:
    """Keep a file as soon as it is chosen, and answer with the fields that it leads to and their price."""
    return _uploaded(request, takes_files(request))


@csrf_protect
def _uploaded(request: UserRequest, handler: Bounded) -> HttpResponse:
    form = receive(request, form_of(request), handler)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.complaints else HTTPStatus.OK
    return render(request, "studio/_uploaded.html", context(request, form) | {"focus": "media"}, status=status)


@csrf_protect
def _sent(request: UserRequest, handler: Bounded) -> HttpResponse:
    form = receive(request, form_of(request), handler)
    if form.complaints:
        return _answer(request, Refusal(form=form, status=HTTPStatus.UNPROCESSABLE_ENTITY, focus="summary"))
    if "discard" in request.POST:
        return _answer(request, Refusal(form=form, status=HTTPStatus.OK, focus="media"))
    if "ask" in request.POST:
        return _answer(request, Refusal(form=form, status=HTTPStatus.OK))
    if "instead" in request.POST:
        # A suggestion: "model=… duration=…"
        pairs = (part.split("=", 1) for part in request.POST["instead"].split(" ") if "=" in part)
        return _answer(request, Refusal(form=form.with_(**dict(pairs)), status=HTTPStatus.OK, focus="make"))
    made = attempt(request, form)
    return _answer(request, made) if isinstance(made, Refusal) else _made(request, form, made)


def _made(request: UserRequest, form: WishForm, job: Job) -> HttpResponse:
    if request.htmx:
        response = render(request, "studio/_made.html", context(request, form.emptied()) | _stage(request))
        # The stage is what is swapped and the form comes beside it: the focus belongs on the stage, and htmx puts it
        # back to where it was after everything that comes beside.
        return reswap(retarget(response, "#stage"), "outerHTML")
    response = redirect("job", job.pk)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _answer(request: UserRequest, refusal: Refusal) -> HttpResponse:
    """Show the form again: alone where htmx asked, else in its page."""
    shown = context(request, refusal.form) | {"problem": refusal.problem, "focus": refusal.focus}
    if request.htmx:
        return render(request, "studio/_composer.html", shown, status=refusal.status)
    return render(request, "studio/studio.html", shown | _stage(request), status=refusal.status)


def _first_form(request: UserRequest) -> WishForm:
    """Return the form of an earlier job where the address names one, else an empty one."""
    try:
        wished = UUID(request.GET["from"])
    except (KeyError, ValueError):
        return WishForm()
    own = Job.objects.kept().filter(user=request.user).select_related("upload")
    return WishForm.of_job(get_object_or_404(own, pk=wished))


def _stage(request: UserRequest) -> dict[str, object]:
    """Return the newest job, what else is under way in the order of its turn, and the last videos."""
    now = timezone.now()
    own = Job.objects.kept().filter(user=request.user).select_related("hold", "source_job")
    newest = own.order_by("-created_at", "-id")[:1]
    under_way = own.under_way().order_by("created_at", "id")[:_MOST_UNDER_WAY]
    videos = own.filter(status=Status.SUCCEEDED).order_by("-created_at", "-id")[: _LAST_VIDEOS + 1]
    jobs = {job.pk: job for found in (newest, under_way, videos) for job in found}
    cards = {card.job.pk: card for card in cards_of(request.user, jobs.values(), now)}
    hero = next(iter(cards.values()), None)
    others = [card for card in cards.values() if card is not hero]
    waiting = [card for card in others if card.is_under_way]
    followed = [(card, Place.HERO if card is hero else Place.CARD) for card in [*([hero] if hero else []), *waiting]]
    return {
        "hero": hero,
        "under_way": waiting,
        "videos": [card for card in others if card.is_ready][:_LAST_VIDEOS],
        "pulse": pulse_of(followed),
    }
