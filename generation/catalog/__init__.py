"""The models that we offer, as data. Form, API, schema and price read everything from here. Knows no Django."""

from generation.catalog.entry import Kind, Operation, Parameter, Size, Value, VideoModel, prompt_sent
from generation.catalog.models import (
    HUNYUAN,
    HUNYUAN_IMAGE,
    LTX_2_FAST,
    LTX_2_FAST_IMAGE,
    LTX_2_PRO,
    LTX_2_PRO_IMAGE,
    LTX_2_RETAKE,
    MODELS,
    MOST_PROMPT,
    RETIRED,
    USUAL_SECONDS,
)

__all__ = [
    "HUNYUAN",
    "HUNYUAN_IMAGE",
    "LTX_2_FAST",
    "LTX_2_FAST_IMAGE",
    "LTX_2_PRO",
    "LTX_2_PRO_IMAGE",
    "LTX_2_RETAKE",
    "MODELS",
    "MOST_PROMPT",
    "NAMES",
    "RETIRED",
    "SHORT_NAMES",
    "Kind",
    "Operation",
    "Parameter",
    "Size",
    "UnknownModel",
    "Value",
    "VideoModel",
    "entry_of",
    "model_named",
    "models_named",
    "prompt_sent",
]

NAMES = tuple(dict.fromkeys(name for model in MODELS for name in model.names))
SHORT_NAMES = tuple(dict.fromkeys(model.short_name for model in MODELS))
_BY_ID = {model.id: model for model in (*MODELS, *RETIRED)}


class UnknownModel(LookupError):
    """We offer no model of that name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a model we offer; choose one of: {', '.join(SHORT_NAMES)}.")


def models_named(name: str) -> tuple[VideoModel, ...]:
    """Return all models of exactly this name, or raise UnknownModel with the names there are. Nothing is guessed.

    A short name means the family, a full id exactly itself.
    """
    found = tuple(model for model in MODELS if name in model.names)
    if not found:
        raise UnknownModel(name)
    return found


def model_named(name: str, *, from_: frozenset[str] = frozenset()) -> VideoModel:
    """Return the model of exactly this name that takes the media in `from_` ("image"); UnknownModel where none has it.

    Of a family that is its text-to-video model where no media is named.
    """
    found = models_named(name)
    return next((model for model in found if model.media and model.media.name in from_), found[0])


def entry_of(model_id: str) -> VideoModel:
    """Return the entry of a full id, also of a model that is no longer offered: what was made stays readable."""
    return _BY_ID.get(model_id) or VideoModel(
        id=model_id,
        names=(model_id,),
        operation=Operation.TEXT_TO_VIDEO,
        title=model_id,
        summary="No longer offered",
        parameters=(),
        has_sound=True,
        usual_seconds=USUAL_SECONDS,
    )
