"""A validated wish for a video. Form, API and command all turn what they were given into one. Knows no Django."""

from collections.abc import Mapping
from dataclasses import dataclass

from generation.catalog import MODELS, Kind, Parameter, UnknownModel, VideoModel, model_named

_TYPES: dict[Kind, type] = {Kind.TEXT: str, Kind.INTEGER: int, Kind.BOOLEAN: bool}
_MOST_UNKNOWN = 10  # parameters that are complained about one by one: an answer must not outgrow its question


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong with one field, or a parameter that is ignored. `message` names value and what is allowed."""

    field: str
    message: str


class InvalidSpec(ValueError):
    """The wish can't be fulfilled as it stands; `complaints` has one entry a field."""

    code = "invalid_input"

    def __init__(self, complaints: tuple[Complaint, ...]) -> None:
        super().__init__(" ".join(f"{c.field}: {c.message}" for c in complaints))
        self.complaints = complaints


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """What is to be made. `parameters` holds every parameter of the model but the prompt, defaults filled in."""

    model: VideoModel
    prompt: str
    parameters: Mapping[str, str | int | bool]
    warnings: tuple[Complaint, ...] = ()

    @property
    def seconds(self) -> int:
        """Billed length: what the price is multiplied with."""
        return int(self.parameters["duration"])

    @property
    def variant(self) -> str:
        """Which of the model's prices holds."""
        return self.model.variant(self.parameters)

    @property
    def wants_audio(self) -> bool:
        """Whether a sound track is wished."""
        return bool(self.parameters.get("generate_audio", False))

    @property
    def inputs(self) -> dict[str, str | int | bool]:
        """What is sent to the provider: the model's own parameters, not wrapped."""
        return {"prompt": self.prompt, **self.parameters}


def video_spec(wish: Mapping[str, object]) -> VideoSpec:
    """Validate a wish: "model", "prompt" and the model's parameters, with their JSON types.

    Raises InvalidSpec with a complaint for each field that is wrong. What the model lists as ignored becomes a warning.
    """
    model = _model(wish)
    complaints: list[Complaint] = []
    values: dict[str, str | int | bool] = {}
    for parameter in model.parameters:
        message = _complaint(parameter, wish)
        if message:
            complaints.append(Complaint(field=parameter.name, message=message))
        else:
            values[parameter.name] = wish.get(parameter.name, parameter.default)  # type: ignore[assignment]
    complaints += _unknown_parameters(model, wish)
    if complaints:
        raise InvalidSpec(tuple(complaints))
    warnings = tuple(
        Complaint(field=name, message=f"{model.title} has no {name}; it is ignored.")
        for name in model.ignored
        if name in wish
    )
    prompt = str(values.pop("prompt"))
    return VideoSpec(model=model, prompt=prompt, parameters=values, warnings=warnings)


def shown(value: object) -> str:
    """Return a value as JSON would name it, shortened and safe to print."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = ascii(value) if not isinstance(value, str) else f'"{value.encode(errors="replace").decode()}"'
    return text if len(text) <= 60 else f"{text[:57]}…"


def _model(wish: Mapping[str, object]) -> VideoModel:
    name = wish.get("model")
    if not isinstance(name, str) or not name:
        given = "missing" if name is None else f"{shown(name)}, but must be the name of a model"
        raise InvalidSpec((Complaint(field="model", message=f"The model is {given}."),))
    try:
        return model_named(name)
    except UnknownModel:
        names = ", ".join(name for model in MODELS for name in model.names)
        message = f"{shown(name)} is not a model we offer; allowed: {names}."
        raise InvalidSpec((Complaint(field="model", message=message),)) from None


def _complaint(parameter: Parameter, wish: Mapping[str, object]) -> str:
    """Return what is wrong with one parameter of the wish; empty when nothing is."""
    if parameter.name not in wish:
        return f"This is required: {parameter.allowed}." if parameter.required else ""
    value = wish[parameter.name]
    # A bool is an int to Python, and 6.0 or "6" is not 6 to the provider: types are compared exactly.
    if type(value) is not _TYPES[parameter.kind]:
        return f"{shown(value)} is not {_article(parameter.kind)}; allowed: {parameter.allowed}."
    if parameter.choices and value not in parameter.choices:
        return f"{shown(value)} is not offered; allowed: {parameter.allowed}."
    return _text_complaint(parameter, value) if isinstance(value, str) else ""


def _text_complaint(parameter: Parameter, text: str) -> str:
    if parameter.required and not text.strip():
        return f"This is blank; allowed: {parameter.allowed}."
    if parameter.max_length and len(text) > parameter.max_length:
        return f"This has {len(text)} characters; allowed: {parameter.allowed}."
    # PostgreSQL stores no NUL, and a lone surrogate is no text at all.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return f"This contains a NUL or half a character; allowed: {parameter.allowed}."
    return ""


def _unknown_parameters(model: VideoModel, wish: Mapping[str, object]) -> list[Complaint]:
    known = {"model", *model.ignored, *(parameter.name for parameter in model.parameters)}
    unknown = [name for name in wish if name not in known]
    names = ", ".join(parameter.name for parameter in model.parameters)
    complaints = [
        Complaint(field=name[:100], message=f"{model.title} has no parameter {shown(name)}; it takes: {names}.")
        for name in unknown[:_MOST_UNKNOWN]
    ]
    if (more := len(unknown) - _MOST_UNKNOWN) > 0:
        last = complaints[-1]
        complaints[-1] = Complaint(field=last.field, message=f"{last.message} So it is with {more} more.")
    return complaints


def _article(kind: Kind) -> str:
    return {Kind.TEXT: "text", Kind.INTEGER: "a whole number", Kind.BOOLEAN: "true or false"}[kind]
