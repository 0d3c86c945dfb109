"""The studio: say what should happen, see what it costs, make it."""

from http import HTTPStatus
from uuid import UUID

from django.http import HttpResponse
from django.http.request import QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import reswap, retarget

from billing import services as billing
from billing.services import InsufficientQuota, ModelNotInPlan, NoPrice
from generation import services
from generation.models import Job, Status
from generation.services import PriceChanged
from generation.spec import InvalidSpec
from generation.templatetags.clapboard import dollars
from generation.web.cards import cards_of
from generation.web.forms import WishForm
from generation.web.offers import PriceList, included
from generation.web.pages import UserRequest, actor, page
from generation.web.pulse import Place, pulse_of

EXAMPLES = (
    {
        "name": "Lighthouse in a storm",
        "prompt": "A lighthouse in a storm, waves break over the rocks, slow pan, 35 mm film",
    },
    {
        "name": "Fox in snow",
        "prompt": "A red fox trots through fresh snow at dawn, handheld camera, quiet steps",
    },
    {
        "name": "Rain in Tokyo",
        "prompt": "Rain on a neon street in Tokyo at night, reflections, people with umbrellas, slow motion",
    },
)
_LAST_VIDEOS = 8
_MOST_UNDER_WAY = 24


@page
@require_http_methods(["GET", "HEAD", "POST"])
def studio(request: UserRequest) -> HttpResponse:
    """Show the studio; or, where the form was sent, make the video or say why not."""
    if request.method != "POST":
        return render(request, "studio/studio.html", _composer(request, _first_form(request)) | _stage(request))
    form = WishForm(sent=_sent(request.POST))
    if "ask" in request.POST:
        return _answer(request, form, HTTPStatus.OK)
    if "instead" in request.POST:
        # A suggestion: "model=… duration=…"
        pairs = (part.split("=", 1) for part in request.POST["instead"].split(" ") if "=" in part)
        return _answer(request, form.with_(**dict(pairs)), HTTPStatus.OK, focus="make")
    return _make(request, form)


@page
@require_POST
def offer(request: UserRequest) -> HttpResponse:
    """Price the form as it stands; with the fields of another model where that was chosen."""
    form = WishForm(sent=_sent(request.POST))
    context = _composer(request, form) | {"model_changed": request.POST.get("shown") != form.model.id}
    return render(request, "studio/_repriced.html", context)


def _make(request: UserRequest, form: WishForm) -> HttpResponse:
    """Make the job and show it; or the form again, with all that was typed and what is in the way."""
    if form.max_cost is None:
        return _answer(request, form, HTTPStatus.CONFLICT, problem="Here is the price. Press again to make it.")
    try:
        job = services.create(request.user, form.spec(), by=actor(request), max_cost=form.max_cost, token=form.token)
    except InvalidSpec as error:
        return _answer(request, form.rejected(error.complaints), HTTPStatus.UNPROCESSABLE_ENTITY, focus="summary")
    except InsufficientQuota:
        # What is needed and what is left stands below the button.
        return _answer(request, form, HTTPStatus.PAYMENT_REQUIRED, focus="sentence")
    except (PriceChanged, NoPrice, ModelNotInPlan) as error:
        problem = _price_changed(form, error) if isinstance(error, PriceChanged) else str(error)
        return _answer(request, form, HTTPStatus.CONFLICT, problem=problem)
    if request.htmx:
        context = _composer(request, form.emptied()) | _stage(request)
        response = render(request, "studio/_made.html", context)
        # The stage is what is swapped and the form comes beside it: the focus belongs on the stage, and htmx puts it
        # back to where it was after everything that comes beside.
        return reswap(retarget(response, "#stage"), "outerHTML")
    return _see(job)


def _see(job: Job) -> HttpResponse:
    response = redirect("job", job.pk)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def _answer(
    request: UserRequest, form: WishForm, status: HTTPStatus, problem: str = "", focus: str = "problem"
) -> HttpResponse:
    """Show the form again: alone where htmx asked, else in its page. `focus` names what the reader is led to."""
    context = _composer(request, form) | {"problem": problem, "focus": focus}
    if request.htmx:
        return render(request, "studio/_composer.html", context, status=status)
    return render(request, "studio/studio.html", context | _stage(request), status=status)


def _price_changed(form: WishForm, error: PriceChanged) -> str:
    cost = dollars(error.quote.amount.spend)
    if form.priced == PriceList.key(error.quote):
        return f"The price is now {cost} (was {dollars(form.max_cost)}). Press again to make it."
    # Without a script the button still showed the price of other settings.
    return f"With these settings it costs {cost}. Press again to make it."


def _first_form(request: UserRequest) -> WishForm:
    """Return the form of an earlier job where the address names one, else an empty one."""
    try:
        wished = UUID(request.GET["from"])
    except (KeyError, ValueError):
        return WishForm()
    return WishForm.of_job(get_object_or_404(Job, pk=wished, user=request.user))


def _sent(post: QueryDict) -> dict[str, str]:
    return {name: str(value) for name, value in post.items()}


def _composer(request: UserRequest, form: WishForm) -> dict[str, object]:
    now = timezone.now()
    prices = PriceList(billing.current_period(request.user, now), now)
    return {
        "form": form,
        "token": form.token,
        "model": form.model,
        "prompt": form.model.parameter("prompt"),
        "prompt_error": form.complaint("prompt"),
        "fields": prices.fields(form),
        "model_cards": prices.model_cards(form),
        "model_error": form.complaint("model"),
        "offer": prices.offer(form),
        "included": included(prices.period),
        "examples": EXAMPLES,
    }


def _stage(request: UserRequest) -> dict[str, object]:
    """Return the newest job, what else is under way in the order of its turn, and the last videos."""
    now = timezone.now()
    own = Job.objects.filter(user=request.user).select_related("hold")
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
