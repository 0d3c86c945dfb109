"""The models that we offer, as data. Form, API, schema and price read everything from here.

Facts: WaveSpeed's documentation and captured model catalogue, August 2026. Knows no Django.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What values a parameter takes."""

    TEXT = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One thing that a user may say of a video; lengths in characters."""

    name: str
    kind: Kind
    label: str
    help: str = ""
    default: str | int | bool | None = None
    required: bool = False
    choices: tuple[str | int, ...] = ()
    max_length: int | None = None

    @property
    def allowed(self) -> str:
        """What may stand here, for people."""
        if self.choices:
            return " or ".join([", ".join(map(str, self.choices[:-1])), str(self.choices[-1])])
        if self.kind is Kind.BOOLEAN:
            return "true or false"
        if self.max_length:
            return f"text of 1 to {self.max_length} characters"
        return f"a {self.kind}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoModel:
    """A WaveSpeed model that we offer. Sizes in pixels, times in seconds."""

    id: str
    names: tuple[str, ...]
    title: str
    summary: str
    parameters: tuple[Parameter, ...]
    ignored: tuple[str, ...] = ()
    width: int
    height: int
    variants: Mapping[str, str] = field(default_factory=dict)
    variant_parameter: str = ""
    usual_seconds: int

    def parameter(self, name: str) -> Parameter:
        """Return the parameter of that name; KeyError where the model has none."""
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise KeyError(name)

    def variant(self, parameters: Mapping[str, object]) -> str:
        """Return the name of the price that these parameters lead to; empty where the model has only one."""
        return self.variants[str(parameters[self.variant_parameter])] if self.variant_parameter else ""


_PROMPT = Parameter(
    name="prompt",
    kind=Kind.TEXT,
    label="What should happen?",
    required=True,
    max_length=5000,
)
_SOUND = Parameter(
    name="generate_audio",
    kind=Kind.BOOLEAN,
    label="Sound",
    help="The model makes a sound track that fits the picture.",
    default=True,
)


def _duration(choices: tuple[int, ...]) -> Parameter:
    return Parameter(name="duration", kind=Kind.INTEGER, label="Length", default=choices[0], choices=choices)


LTX_2_PRO = VideoModel(
    id="lightricks/ltx-2-pro/text-to-video",
    names=("ltx-2-pro", "lightricks/ltx-2-pro", "lightricks/ltx-2-pro/text-to-video"),
    title="LTX-2 Pro",
    summary="1080p with sound, 6 to 10 s",
    parameters=(_PROMPT, _duration((6, 8, 10)), _SOUND),
    ignored=("negative_prompt", "seed", "audio_base64", "enable_prompt_expansion", "resolution"),
    width=1920,
    height=1080,
    usual_seconds=90,  # no figure of WaveSpeed's is known; LTX-2 Fast was once seen to take 109 s for 6 s
)

MODELS: tuple[VideoModel, ...] = (LTX_2_PRO,)

_BY_NAME = {name: model for model in MODELS for name in model.names}


class UnknownModel(LookupError):
    """We offer no model of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a model we offer; choose one of: {', '.join(_BY_NAME)}.")


def model_named(name: str) -> VideoModel:
    """Return the model of exactly this name; UnknownModel lists the names there are. Nothing is guessed."""
    try:
        return _BY_NAME[name]
    except KeyError:
        raise UnknownModel(name) from None
