"""A validated wish for a video. Form, API and command all turn what they were given into one. Knows no Django."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from generation.catalog import (
    MOST_PROMPT,
    SHORT_NAMES,
    Kind,
    Parameter,
    Size,
    UnknownModel,
    Value,
    VideoModel,
    model_named,
    prompt_sent,
)

_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}
_MOST_UNKNOWN = 10  # parameters that are complained about one by one: an answer must not outgrow its question
_MOST_SECONDS = 1e6
_SHORTEST_PART = 0.1  # seconds of a source that can be changed


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
class Media:
    """A stored file that a wish is made from: an upload, or the video of a job. Pixels and seconds.

    `given_as` is the field that named it, for complaints.
    """

    kind: Kind
    given_as: str
    width: int
    height: int
    seconds: float = 0.0
    has_audio: bool = False
    upload_id: UUID | None = None
    job_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMedia:
    """What a wish named as media and is none; `message` says why."""

    given_as: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoSpec:
    """What is to be made. `parameters` holds every parameter of the model but prompt and media, defaults filled in."""

    model: VideoModel
    prompt: str
    parameters: Mapping[str, Value]
    media: Media | None = None
    warnings: tuple[Complaint, ...] = field(default=())

    @property
    def seconds(self) -> int:
        """Billed length: what the price is multiplied with."""
        if "duration" in self.parameters:
            return int(self.parameters["duration"])
        return billed_seconds(self.media.seconds if self.media else 0.0)

    @property
    def variant(self) -> str:
        """Which of the model's prices holds."""
        return self.model.variant(self.parameters)

    @property
    def size(self) -> Size | None:
        """The wished picture; None where the source decides."""
        return self.model.size(self.parameters)


def billed_seconds(length: float) -> int:
    """Return the whole seconds that a video of this length is billed with: a tenth above a second is forgiven."""
    return max(1, math.ceil(round(length - 0.1, 6)))


def video_spec(wish: Mapping[str, object]) -> VideoSpec:
    """Validate a wish: "model", "prompt" and the model's parameters, with their JSON types; media as Media or NoMedia.

    Raises InvalidSpec with a complaint for each field that is wrong. What the model lists as ignored becomes a warning.
    """
    model = _model(wish)
    wish, complaints = _sized(model, wish)
    values: dict[str, Value] = {}
    media: Media | None = None
    for parameter in model.parameters:
        complaint = _complaint(parameter, wish)
        value = wish.get(parameter.name, parameter.default)
        if complaint:
            complaints.append(complaint)
        elif isinstance(value, Media):
            media = value
        elif isinstance(value, Value):
            values[parameter.name] = value
    complaints += _unknown_parameters(model, wish)
    if not complaints:
        complaints += _wrong_part(values, media)
    if complaints:
        raise InvalidSpec(tuple(complaints))
    warnings = tuple(
        Complaint(field=name, message=f"{model.title} has no {name}; it is ignored.")
        for name in model.ignored
        if name in wish
    )
    prompt = str(values.pop("prompt"))
    return VideoSpec(model=model, prompt=prompt, parameters=values, media=media, warnings=warnings)


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
        message = f"The model is {given}; allowed: {', '.join(SHORT_NAMES)}."
        raise InvalidSpec((Complaint(field="model", message=message),))
    try:
        return model_named(name, from_=frozenset({"image"}) & wish.keys())
    except UnknownModel:
        message = f"{shown(name)} is not a model we offer; allowed: {', '.join(SHORT_NAMES)}."
        raise InvalidSpec((Complaint(field="model", message=message),)) from None


def _sized(model: VideoModel, wish: Mapping[str, object]) -> tuple[Mapping[str, object], list[Complaint]]:
    """Turn resolution and aspect ratio into the size that they stand for, where the model takes a size."""
    said = [parameter for parameter in model.shorthands if parameter.name in wish]
    if not said:
        return wish, []
    rest = {name: value for name, value in wish.items() if name not in {parameter.name for parameter in said}}
    complaints = [found for parameter in said if (found := _complaint(parameter, wish))]
    if complaints:
        return rest, complaints
    name = model.size_parameter
    named = next((size for size in model.sizes if size.value == wish.get(name)), None)
    if name in wish and named is None:
        return rest, []  # the size is complained of by itself
    # What was not said is the named size's, or the model's usual one.
    usual = named or next(size for size in model.sizes if size.value == model.parameter(name).default)
    resolution, aspect = wish.get("resolution", usual.resolution), wish.get("aspect_ratio", usual.aspect)
    size = next(size for size in model.sizes if (size.resolution, size.aspect) == (resolution, aspect))
    if named not in {None, size}:
        message = f"{shown(wish[name])} is not {resolution} {aspect}, which is {shown(size.value)}; say only one."
        return rest, [Complaint(field=name, message=message)]
    return rest | {name: size.value}, []


def _complaint(parameter: Parameter, wish: Mapping[str, object]) -> Complaint | None:
    """Return what is wrong with one parameter of the wish; None when nothing is."""
    value = wish.get(parameter.name)
    message = _media_complaint(parameter, value) if parameter.kind.is_media else _value_complaint(parameter, wish)
    name = value.given_as if isinstance(value, Media | NoMedia) else parameter.name
    return Complaint(field=name, message=message) if message else None


def _media_complaint(parameter: Parameter, value: object) -> str:
    if value is None:
        return f"This is required: {parameter.allowed}."
    if isinstance(value, NoMedia):
        return value.message
    if not isinstance(value, Media):
        return f"{shown(value)} is not {parameter.allowed}."
    return f"This is a {value.kind}; allowed: {parameter.allowed}." if value.kind is not parameter.kind else ""


def _value_complaint(parameter: Parameter, wish: Mapping[str, object]) -> str:
    if parameter.name not in wish:
        return f"This is required: {parameter.allowed}." if parameter.required else ""
    value = wish[parameter.name]
    # A bool is an int to Python, and 6.0 or "6" is not 6 to the provider: types are compared exactly.
    if type(value) not in _TYPES[parameter.kind]:
        return f"{shown(value)} is not {_article(parameter.kind)}; allowed: {parameter.allowed}."
    if parameter.choices and value not in parameter.choices:
        return f"{shown(value)} is not offered; allowed: {parameter.allowed}."
    return _text_complaint(parameter, value) if isinstance(value, str) else _number_complaint(parameter, value)


def _number_complaint(parameter: Parameter, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    too_small = parameter.minimum is not None and not value >= parameter.minimum
    too_large = parameter.maximum is not None and not value <= parameter.maximum
    endless = parameter.kind is Kind.NUMBER and not value <= _MOST_SECONDS
    return f"{shown(value)} is out of range; allowed: {parameter.allowed}." if too_small or too_large or endless else ""


def _text_complaint(parameter: Parameter, text: str) -> str:
    if parameter.required and not text.strip():
        return f"This is blank; allowed: {parameter.allowed}."
    if parameter.max_length and len(text) > parameter.max_length:
        return f"This has {len(text)} characters; allowed: {parameter.allowed}."
    # PostgreSQL stores no NUL, and a lone surrogate is no text at all.
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        return f"This contains a NUL or half a character; allowed: {parameter.allowed}."
    return ""


def _wrong_part(values: Mapping[str, Value], media: Media | None) -> list[Complaint]:
    """Return what is wrong with the part of the source that is to be changed."""
    start, end = values.get("start_time"), values.get("end_time")
    if media is None or (start is None and end is None):
        return []
    longest = MOST_PROMPT - (len(prompt_sent("", values)))
    if len(str(values["prompt"])) > longest:
        message = f"Together with the part this is longer than the model reads; allowed: {longest} characters."
        return [Complaint(field="prompt", message=message)]
    last = float(end if end is not None else media.seconds)
    if last > media.seconds:
        message = f"{shown(end)} is behind the end of the source; allowed: up to {media.seconds:g}."
        return [Complaint(field="end_time", message=message)]
    if last - float(start or 0) < _SHORTEST_PART:
        allowed = f"0 to {max(last - _SHORTEST_PART, 0):g}"
        message = f"{shown(start or 0)} leaves less than {_SHORTEST_PART:g} s of a part; allowed: {allowed}."
        return [Complaint(field="start_time", message=message)]
    return []


def _unknown_parameters(model: VideoModel, wish: Mapping[str, object]) -> list[Complaint]:
    known = {"model", *model.ignored, *(parameter.name for parameter in (*model.parameters, *model.shorthands))}
    unknown = [name for name in wish if name not in known]
    names = ", ".join(_names(model))
    complaints = [
        Complaint(
            field=said[:100],
            message=f"{model.title} has no parameter {shown(said)}{_given(value)}; it takes: {names}.",
        )
        for said, value in ((_said_as(name, wish[name]), wish[name]) for name in unknown[:_MOST_UNKNOWN])
    ]
    if (more := len(unknown) - _MOST_UNKNOWN) > 0:
        last = complaints[-1]
        complaints[-1] = Complaint(field=last.field, message=f"{last.message} So it is with {more} more.")
    return complaints


def _names(model: VideoModel) -> list[str]:
    """Return every name that a wish of the model may use, those included that stand for another one."""
    source = ["source_job"] if model.media and model.media.kind is Kind.VIDEO else []
    return [*(parameter.name for parameter in (*model.parameters, *model.shorthands)), *source]


def _given(value: object) -> str:
    """Return the value that was given, where it can be written down."""
    return "" if isinstance(value, Media | NoMedia) else f", given as {shown(value)}"


def _said_as(name: str, value: object) -> str:
    """Return the field as whoever wished named it: a job's video is given as source_job."""
    return value.given_as if isinstance(value, Media | NoMedia) else name


def _article(kind: Kind) -> str:
    return {
        Kind.TEXT: "text",
        Kind.INTEGER: "a whole number",
        Kind.NUMBER: "a number",
        Kind.BOOLEAN: "true or false",
    }[kind]
