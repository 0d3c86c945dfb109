"""The composer's form: strings as a browser sends them, turned into a wish. What is valid says generation.spec."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

from generation import catalog
from generation.catalog import Kind, Operation, Parameter, UnknownModel, VideoModel
from generation.models import Job
from generation.services import Closed, wish_of
from generation.spec import Complaint
from generation.web.wording import join

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,9}\.[0-9]{1,6}")
_TRUTH = {"true": True, "on": True, "false": False}
SOURCE_JOB = "source_job"

FAMILIES = tuple(catalog.model_named(name) for name in dict.fromkeys(model.short_name for model in catalog.MODELS))
"""One model of each family: the one that works from words alone, where there is one."""

_OF_A_SOURCE = frozenset(
    parameter.name
    for model in catalog.MODELS
    if model.operation is Operation.VIDEO_TO_VIDEO
    for parameter in model.parameters
    if not parameter.kind.is_media
)  # these mean nothing without it

PARAMETERS = {parameter.name: parameter for model in reversed(catalog.MODELS) for parameter in model.parameters}


@dataclass(frozen=True, slots=True, kw_only=True)
class WishForm:
    """What stands in the composer. `complaints` are shown at their fields, `replaced` says what another model lacks."""

    sent: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
    replaced: tuple[str, ...] = ()

    @classmethod
    def of_job(cls, job: Job) -> "WishForm":
        """Return the form that would make this job again, with another model where its own is no longer offered."""
        sent = {name: _text(value) for name, value in wish_of(job).items()}
        return cls(sent=sent) if job.model in catalog.NAMES else cls(sent=sent).without("model")

    @property
    def family(self) -> VideoModel:
        """What was chosen among the cards; the first of the catalogue where the form names none that we offer."""
        try:
            chosen = catalog.models_named(self.sent.get("model") or self.sent.get("shown", ""))[0]
        except UnknownModel:
            return FAMILIES[0]
        return catalog.model_named(chosen.short_name)

    @property
    def model(self) -> VideoModel:
        """The chosen model: of its family the one that takes what was brought."""
        return self.of_family(self.family)

    def of_family(self, family: VideoModel) -> VideoModel:
        """Return the model of a family that takes what was brought."""
        brought = frozenset({"image"}) if self.sent.get("image") else frozenset[str]()
        return catalog.model_named(family.short_name, from_=brought)

    @property
    def media(self) -> Parameter | None:
        """The file that the chosen family can be given."""
        return catalog.model_named(self.family.short_name, from_=frozenset({"image"})).media

    @property
    def names_a_model(self) -> bool:
        """Whether anything was chosen among the cards."""
        return bool(self.sent.get("model") or self.sent.get("shown"))

    @property
    def is_of_another(self) -> bool:
        """Whether its fields are those of another model than the one that is chosen now."""
        return self.sent.get("shown") != self.model.id

    @property
    def prompt(self) -> str:
        """The prompt with the line ends that its counter counted: browsers send two characters for each."""
        return self.sent.get("prompt", "").replace("\r\n", "\n")

    @property
    def token(self) -> UUID:
        """Names this form: sent twice, it makes one job."""
        return token_of(self.sent)

    @property
    def max_cost(self) -> int | None:
        """Micro-dollars that stood on the button; None where no price was shown."""
        return max_cost_of(self.sent)

    @property
    def priced(self) -> str:
        """What that price was shown for, in the words of offers.Offer.priced."""
        return self.sent.get("priced", "")

    @property
    def wish(self) -> dict[str, object]:
        """What is wished, with the types that the spec asks for. Fields of other models stay out of it."""
        name = self.sent.get("model")
        wish: dict[str, object] = {"model": name if name and name not in catalog.NAMES else self.model.id}
        for parameter in self.model.parameters:
            if parameter.name == "prompt":
                wish["prompt"] = self.prompt
            elif parameter.kind is Kind.VIDEO and self.sent.get(SOURCE_JOB):
                wish[SOURCE_JOB] = self.sent[SOURCE_JOB]
            elif (text := self.sent.get(parameter.name)) or (text is not None and parameter.kind is Kind.TEXT):
                wish[parameter.name] = _value(parameter, text)
        # What was said to another model and this one ignores leaves a warning each on the job.
        return wish | {name: self.kept[name] for name in self.model.ignored if name in self._missed}

    @property
    def kept(self) -> dict[str, str]:
        """What was said to other models and this one has no word for. It comes back with them."""
        own = {parameter.name for parameter in (*self.model.parameters, *([self.media] if self.media else []))}
        if "video" in own:
            own.add(SOURCE_JOB)
        others = {name: self.sent.get(name) for name in (*PARAMETERS, SOURCE_JOB) if name not in own}
        return {name: value for name, value in others.items() if value}

    @property
    def _missed(self) -> list[str]:
        """The names of what was said and the chosen model will not do."""
        return [
            name
            for name, value in self.kept.items()
            if name in PARAMETERS
            and _is_worth_a_word(PARAMETERS[name], value)
            # A retake has its sound by another name.
            and not (name == "generate_audio" and self.model.has_sound)
        ]

    @property
    def notes(self) -> list[str]:
        """What the chosen model will not do."""
        missed = self._missed
        if not missed:
            return list(self.replaced)
        labels = join([_called(PARAMETERS[name]) for name in missed], "or")
        return [
            *self.replaced,
            f"{self.model.title} has no {labels}. What you chose comes back with a model that has it.",
        ]

    def chosen(self, parameter: Parameter) -> str:
        """Return what stands in the field of a parameter."""
        if parameter.name == "prompt":
            return self.prompt
        return self.sent.get(parameter.name, _text(parameter.default))

    def complaint(self, name: str) -> str:
        """Return what is wrong with a field; empty when nothing is."""
        return " ".join(complaint.message for complaint in self.complaints if complaint.field == name)

    def with_(self, /, **values: str) -> "WishForm":
        """Return the same form with other values and without complaints."""
        return WishForm(sent={**self.sent, **values})

    def without(self, *names: str) -> "WishForm":
        """Return the same form without some values."""
        return replace(self, sent={name: value for name, value in self.sent.items() if name not in names})

    def rejected(self, complaints: tuple[Complaint, ...]) -> "WishForm":
        """Return the same form with complaints, each at a field that is there."""
        at = [Complaint(field="video" if c.field == SOURCE_JOB else c.field, message=c.message) for c in complaints]
        return replace(self, complaints=tuple(at))

    def emptied(self) -> "WishForm":
        """Return the form for the next video: same settings, no prompt, a token of its own."""
        return self.with_(prompt="", token=str(uuid4()))

    def suited(self, closed: Closed) -> "WishForm":
        """Return the form with what the chosen model offers, where it was filled in for another one."""
        if not self.is_of_another:
            return self
        values: dict[str, str] = {}
        replaced = []
        for parameter in self.model.parameters:
            offered = [str(c) for c in closed.choices(self.model.id, parameter.name, parameter.choices)]
            wished = self._carried(parameter)
            if not offered or wished in offered:
                values |= {parameter.name: wished} if offered and wished != self.chosen(parameter) else {}
                continue
            values[parameter.name] = _nearest(wished, offered)
            if parameter.name in self.sent and wished != _text(PARAMETERS[parameter.name].default):
                now = parameter.label_of(_value(parameter, values[parameter.name]))
                label = parameter.label_of(_value(parameter, wished))
                replaced.append(f"{self.model.title} does not offer {label}; {now} is chosen instead.")
        return replace(self, sent={**self.sent, **values}, replaced=tuple(replaced))

    def _carried(self, parameter: Parameter) -> str:
        """Return what a field holds, also where another model of the family calls the same by another name."""
        sizes = self.family.sizes
        if parameter.name == "resolution" and parameter.name not in self.sent:
            said = [size.resolution for size in sizes if size.value == self.sent.get("size")]
            return said[0] if said else _text(parameter.default)
        return self.chosen(parameter)


def token_of(sent: Mapping[str, str]) -> UUID:
    """Return the token of a form, or a new one."""
    try:
        return UUID(sent["token"])
    except (KeyError, ValueError):
        return uuid4()


def max_cost_of(sent: Mapping[str, str]) -> int | None:
    """Return the micro-dollars that stood on the button; None where no price was shown."""
    text = sent.get("max_cost", "")
    return int(text) if _INTEGER.fullmatch(text) else None


def _is_worth_a_word(parameter: Parameter, value: str) -> bool:
    """Say whether it matters that a model has no such parameter; nobody misses a default, but for the sound."""
    if parameter.name in _OF_A_SOURCE:
        return False
    return parameter.kind is Kind.BOOLEAN or value != _text(parameter.default)


def _called(parameter: Parameter) -> str:
    """Return a label within a sentence."""
    return f"“{parameter.label}”" if " " in parameter.label else parameter.label.lower()


def _nearest(wished: str, offered: list[str]) -> str:
    """Return the choice that is next to the wished one; the first where they are no numbers."""
    if not all(_INTEGER.fullmatch(text) for text in (wished, *offered)):
        return offered[0]
    return min(offered, key=lambda choice: abs(int(choice) - int(wished)))


def _value(parameter: Parameter, text: str) -> object:
    """Return the value with its JSON type; what can't be converted stays text, and the spec complains of it."""
    match parameter.kind:
        case Kind.INTEGER | Kind.NUMBER if _INTEGER.fullmatch(text):
            return int(text)
        case Kind.NUMBER if _DECIMAL.fullmatch(text):
            return float(text)
        case Kind.BOOLEAN:
            return _TRUTH.get(text, text)
    return text


def _text(value: object) -> str:
    """Return a value as a form carries it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
