"""What studio and retake have in common: the form as it stands, its files, and what comes of pressing the button."""

from dataclasses import dataclass
from http import HTTPStatus
from uuid import uuid4

from django.conf import settings
from django.utils import timezone

from billing import services as billing
from billing.money import LIMITS
from billing.services import AddressNotVerified, InsufficientQuota, ModelNotInPlan, NoPrice, PastDue
from generation import services
from generation.catalog import Kind
from generation.models import Job
from generation.receiving import Bounded
from generation.services import Closed, ModelClosed, NotMedia, PriceChanged, ReviewNeeded, Terms
from generation.spec import Complaint, InvalidSpec, VideoSpec
from generation.templatetags.clapboard import dollars, file_size
from generation.web.fields import fields, model_cards
from generation.web.forms import FAMILIES, PARAMETERS, SOURCE_JOB, WishForm
from generation.web.offers import PriceList, included, needed
from generation.web.pages import UserRequest, actor
from generation.web.sources import media_field, source_of
from generation.web.wording import headline

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
NOT_NOW = (NoPrice, ModelNotInPlan, PastDue, AddressNotVerified, ReviewNeeded)
"""Why nothing is set aside, but for a limit; the messages are for people."""

_KINDS = {"image": Kind.IMAGE, "video": Kind.VIDEO}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why nothing was made. `focus` names what the reader is led to."""

    form: WishForm
    status: HTTPStatus = HTTPStatus.CONFLICT
    problem: str = ""
    focus: str = "problem"


def form_of(request: UserRequest) -> WishForm:
    """Return the form that was sent."""
    return WishForm(sent={name: str(value) for name, value in request.POST.items()})


def receive(request: UserRequest, form: WishForm, handler: Bounded) -> WishForm:
    """Keep the file that came with the form, and let go what is no longer wanted."""
    if request.POST.get("discard") in _KINDS:
        return form.without(request.POST["discard"], SOURCE_JOB)
    if handler.stopped:
        message = f"This is larger than any file; allowed: at most {file_size(settings.UPLOAD_VIDEO_BYTES)}."
        return form.rejected((Complaint(field=form.media.name if form.media else "image", message=message),))
    for name, kind in _KINDS.items():
        if file := request.FILES.get(f"{name}_file"):
            try:
                upload = services.upload(request.user, file, kind=kind)
            except NotMedia as error:
                return form.rejected((Complaint(field=name, message=str(error)),))
            form = form.without(SOURCE_JOB) if kind is Kind.VIDEO else form
            form = form.with_(**{name: str(upload.pk)})
    return form


def context(request: UserRequest, form: WishForm) -> dict[str, object]:
    """Return what the composer shows of this form."""
    now = timezone.now()
    prices = PriceList(billing.current_period(request.user, now), now, closed=Closed(), user=request.user)
    form = (form if form.names_a_model else _with_an_open_model(form, prices)).suited(prices.closed)
    source = prices.source = source_of(request.user, form)
    if source is None and form.model.media and _names_media(form):
        form = _without_what_is_gone(form).suited(prices.closed)
    return {
        "form": form,
        "complaints": [(c.field, _label(c.field), c.message) for c in form.complaints],
        "token": form.token,
        "model": form.model,
        "prompt": form.model.parameter("prompt"),
        "prompt_error": form.complaint("prompt"),
        "media": media_field(form, source),
        "fields": fields(form, prices),
        "model_cards": model_cards(form, prices),
        "model_error": form.complaint("model"),
        "offer": prices.offer(form),
        "included": included(prices.period),
        "examples": EXAMPLES,
    }


def attempt(request: UserRequest, form: WishForm) -> Job | Refusal:
    """Make what is wished; or say what is in the way, and nothing is written."""
    if unseen := _unseen(form):
        return Refusal(form=form, problem=f"{unseen} Press again to make it.")
    try:
        return _make(request, form)
    except InvalidSpec as error:
        complaints = _for_people(form, error.complaints)
        return Refusal(form=form.rejected(complaints), status=HTTPStatus.UNPROCESSABLE_ENTITY, focus="summary")
    except InsufficientQuota as error:
        # What is needed and what is left of the period stands below the button.
        problem, focus = ("", "sentence") if error.violated in LIMITS else (needed(error), "problem")
        return Refusal(form=form, status=HTTPStatus.PAYMENT_REQUIRED, problem=problem, focus=focus)
    except PriceChanged as error:
        return Refusal(form=form, problem=_price_changed(form, error))
    except (*NOT_NOW, ModelClosed) as error:
        return Refusal(form=form, problem=str(error))


def _with_an_open_model(form: WishForm, prices: PriceList) -> WishForm:
    """Return the form with the first model that may be chosen; with the first of all where none may."""
    models = [model for model in FAMILIES if prices.may_choose(form.of_family(model))]
    return form.with_(model=(models or FAMILIES)[0].id)


def _unseen(form: WishForm) -> str:
    """Return what the page had not shown when the button was pressed; empty where it had shown all."""
    if form.suited(Closed()).sent != form.sent:
        return f"These are the choices of {form.model.title}."
    return "Here is the price." if form.max_cost is None and not _lacks_media(form) else ""


def _make(request: UserRequest, form: WishForm) -> Job | Refusal:
    spec = services.spec_of(request.user, form.wish)
    terms = Terms(max_cost=form.max_cost, token=form.token)
    job = services.create(request.user, spec, by=actor(request), terms=terms)
    if _is_made_of(job, spec):
        return job
    # The tab was opened again from memory, its prompt was changed, and its token had made a video before.
    problem = f"This form has made “{headline(job.prompt, 30)}” already. Press again to make this one, too."
    return Refusal(form=form.with_(token=str(uuid4())), problem=problem)


def _is_made_of(job: Job, spec: VideoSpec) -> bool:
    media = (spec.media.job_id, spec.media.upload_id) if spec.media else (None, None)
    made = (job.model, job.prompt, job.parameters, (job.source_job_id, job.upload_id))
    return made == (spec.model.id, spec.prompt, dict(spec.parameters), media)


def _names_media(form: WishForm) -> bool:
    return bool(form.media and (form.sent.get(form.media.name) or form.sent.get(SOURCE_JOB)))


def _lacks_media(form: WishForm) -> bool:
    return bool(form.model.media and not _names_media(form))


def _without_what_is_gone(form: WishForm) -> WishForm:
    """Return the form without a file that has been deleted meanwhile, and say so at its field."""
    name = form.media.name if form.media else ""
    gone = Complaint(field=name, message="What was chosen here has been deleted meanwhile; choose another one.")
    others = [complaint for complaint in form.complaints if complaint.field != name]
    return form.without(name, SOURCE_JOB).rejected((*others, gone))


def _for_people(form: WishForm, complaints: tuple[Complaint, ...]) -> tuple[Complaint, ...]:
    """Return the complaints with what a page has instead of ids."""
    if not _lacks_media(form) or form.media is None:
        return complaints
    lacking = Complaint(field=form.media.name, message="Choose the video that is to be changed.")
    return tuple(lacking if c.field == form.media.name else c for c in complaints)


def _label(name: str) -> str:
    return PARAMETERS[name].label if name in PARAMETERS else name.capitalize()


def _price_changed(form: WishForm, error: PriceChanged) -> str:
    cost = dollars(error.quote.amount.spend)
    if form.priced == PriceList.key(error.quote):
        return f"The price is now {cost} (was {dollars(form.max_cost)}). Press again to make it."
    # Without a script the button still showed the price of other settings.
    return f"With these settings it costs {cost}. Press again to make it."
