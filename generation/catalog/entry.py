"""What an entry of the catalogue says: a model, its parameters, its pictures and how its price depends on them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int | float | bool


class Kind(StrEnum):
    """What values a parameter takes. Of pictures and videos a wish gives the id of an upload."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    IMAGE = "image"
    VIDEO = "video"

    @property
    def is_media(self) -> bool:
        """Whether a file belongs to it."""
        return self in {Kind.IMAGE, Kind.VIDEO}


class Operation(StrEnum):
    """What a video is made from, in WaveSpeed's words."""

    TEXT_TO_VIDEO = "text-to-video"
    IMAGE_TO_VIDEO = "image-to-video"
    VIDEO_TO_VIDEO = "video-to-video"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that a user may say of a video; lengths in characters, bounds in the unit of `unit`."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    default: Value | None = None
    required: bool = False
    choices: tuple[str | int, ...] = ()
    labels: tuple[str, ...] = ()  # of the choices, where they don't speak for themselves
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    unit: str = ""
    is_more: bool = False  # shown under "More options"
    stands_in_prompt: bool = False  # the provider has no such parameter: it is told in the prompt

    @property
    def allowed(self) -> str:
        """What may stand here, for people."""
        if self.choices:
            return " or ".join([", ".join(map(str, self.choices[:-1])), str(self.choices[-1])])
        return self._allowed_kind

    @property
    def _allowed_kind(self) -> str:
        match self.kind:
            case Kind.BOOLEAN:
                return "true or false"
            case Kind.IMAGE:
                return "the id of an uploaded picture"
            case Kind.VIDEO:
                return "the id of an uploaded video, or that of a job in source_job"
            case Kind.TEXT if self.max_length:
                return f"text of {'1' if self.required else 'up'} to {self.max_length} characters"
            case _ if self.maximum is not None:
                return f"{self.minimum} to {self.maximum}"
        return f"{self.minimum} or more" if self.minimum is not None else f"a {self.kind}"

    def label_of(self, choice: object) -> str:
        """How a choice reads."""
        if self.labels and choice in self.choices:
            return self.labels[self.choices.index(choice)]  # it is one of them
        return f"{choice} {self.unit}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """A picture that a model makes, in pixels; `value` is what the provider calls it, where it can be chosen."""

    width: int
    height: int
    resolution: str
    aspect: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoModel:
    """A WaveSpeed model that we offer. Sizes in pixels, times in seconds.

    `sizes`: one where the picture is fixed, several where a parameter chooses, none where it is as its source.
    `shorthands` are other ways to say a size. `variants` leads from a value of `variant_parameter` to a price's name.
    """

    id: str
    names: tuple[str, ...]
    operation: Operation
    title: str
    summary: str
    parameters: tuple[Parameter, ...]
    ignored: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    size_parameter: str = ""
    shorthands: tuple[Parameter, ...] = ()
    variants: Mapping[str, str] = field(default_factory=dict)
    variant_parameter: str = ""
    has_sound: bool
    usual_seconds: int

    @property
    def media(self) -> Parameter | None:
        """The parameter that takes a file; None where the model needs none."""
        return next((parameter for parameter in self.parameters if parameter.kind.is_media), None)

    @property
    def short_name(self) -> str:
        """What people type."""
        return self.names[0]

    def has(self, name: str) -> bool:
        """Say whether it takes a parameter of that name."""
        return any(parameter.name == name for parameter in self.parameters)

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of that name; KeyError where the model has none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def variant(self, parameters: Mapping[str, object]) -> str:
        """Return the name of the price that these parameters lead to; empty where the model has only one."""
        return self.variants[str(parameters[self.variant_parameter])] if self.variant_parameter else ""

    def size(self, parameters: Mapping[str, object]) -> Size | None:
        """Return the picture that these parameters wish; None where the source decides."""
        if not self.size_parameter:
            return self.sizes[0] if self.sizes else None
        return next((size for size in self.sizes if size.value == parameters.get(self.size_parameter)), None)

    def inputs(self, prompt: str, parameters: Mapping[str, object]) -> dict[str, object]:
        """Return what is sent to the provider, but for media: its own parameters, not wrapped."""
        told = {p.name for p in self.parameters if p.stands_in_prompt}
        sent = {name: value for name, value in parameters.items() if name not in told and value != ""}
        return {"prompt": prompt_sent(prompt, parameters), **sent}


def prompt_sent(prompt: str, parameters: Mapping[str, object]) -> str:
    """Return the prompt as the provider reads it: LTX-2 Retake has no parameter for a part, its prompt names it."""
    start, end = parameters.get("start_time"), parameters.get("end_time")
    if start is None and end is None:
        return prompt
    if end is None:
        return f"From {_plain(start)}s to the end: {prompt}"
    return f"From {_plain(start or 0)}s to {_plain(end)}s: {prompt}"


def _plain(seconds: object) -> str:
    """Write seconds without an exponent, to the millisecond."""
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
