"""The composer's form: strings as a browser sends them, turned into a wish. What is valid says generation.spec."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from generation import catalog
from generation.catalog import Kind, Parameter, UnknownModel, VideoModel
from generation.models import Job
from generation.spec import Complaint, VideoSpec, video_spec

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_TRUTH = {"true": True, "on": True, "false": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class WishForm:
    """What stands in the composer. `complaints` are shown at their fields."""

    sent: Mapping[str, str] = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()

    @classmethod
    def of_job(cls, job: Job) -> "WishForm":
        """Return the form that would make this job again."""
        values = {name: _text(value) for name, value in job.parameters.items()}
        return cls(sent={**values, "model": job.model, "prompt": job.prompt})

    @property
    def model(self) -> VideoModel:
        """The chosen model; the first of the catalogue where the form names none that we offer."""
        try:
            return catalog.model_named(self.sent.get("model", ""))
        except UnknownModel:
            return catalog.MODELS[0]

    @property
    def prompt(self) -> str:
        """The prompt with the line ends that its counter counted: browsers send two characters for each."""
        return self.sent.get("prompt", "").replace("\r\n", "\n")

    @property
    def token(self) -> UUID:
        """Names this form: sent twice, it makes one job."""
        try:
            return UUID(self.sent["token"])
        except (KeyError, ValueError):
            return uuid4()

    @property
    def max_cost(self) -> int | None:
        """Micro-dollars that stood on the button; None where no price was shown."""
        text = self.sent.get("max_cost", "")
        return int(text) if _INTEGER.fullmatch(text) else None

    @property
    def priced(self) -> str:
        """What that price was shown for, in the words of offers.Offer.priced."""
        return self.sent.get("priced", "")

    @property
    def wish(self) -> dict[str, object]:
        """What is wished, with the types that the spec asks for. Fields of other models stay out of it."""
        wish: dict[str, object] = {"model": self.sent.get("model") or self.model.id}
        for parameter in self.model.parameters:
            if parameter.name == "prompt":
                wish["prompt"] = self.prompt
            elif parameter.name in self.sent:
                wish[parameter.name] = _value(parameter, self.sent[parameter.name])
        return wish

    @property
    def kept(self) -> dict[str, str]:
        """What was said to other models and this one has no word for. It comes back with them."""
        own = {parameter.name for parameter in self.model.parameters}
        others = {parameter.name: parameter for model in catalog.MODELS for parameter in model.parameters}
        return {name: self.sent[name] for name in others if name in self.sent and name not in own}

    @property
    def notes(self) -> list[str]:
        """What the chosen model will not do."""
        labels = {p.name: p.label.lower() for model in catalog.MODELS for p in model.parameters}
        return [
            f"{self.model.title} has no {labels[name]}. What you chose comes back with a model that has it."
            for name in self.kept
        ]

    def spec(self) -> VideoSpec:
        """Return what is wished; InvalidSpec where it can't be made."""
        return video_spec(self.wish)

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

    def rejected(self, complaints: tuple[Complaint, ...]) -> "WishForm":
        """Return the same form with complaints."""
        return WishForm(sent=self.sent, complaints=complaints)

    def emptied(self) -> "WishForm":
        """Return the form for the next video: same settings, no prompt, a token of its own."""
        return self.with_(prompt="", token=str(uuid4()))


def _value(parameter: Parameter, text: str) -> object:
    """Return the value with its JSON type; what can't be converted stays text, and the spec complains of it."""
    if parameter.kind is Kind.INTEGER and _INTEGER.fullmatch(text):
        return int(text)
    if parameter.kind is Kind.BOOLEAN:
        return _TRUTH.get(text, text)
    return text


def _text(value: object) -> str:
    """Return a value as a form carries it."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
