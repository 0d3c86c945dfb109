"""The bodies of requests for the OpenAPI schema, derived from the catalogue."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample

from generation.catalog import MODELS, Kind, Parameter, VideoModel

Schema = dict[str, Any]

_TEXT = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
_NO_NUL = r"^[^\u0000]*$"
_ID = {"type": "string", "format": "uuid"}
_FILE = {"type": "string", "format": "binary"}
_IGNORED: Schema = {"description": "Accepted and ignored, with a warning."}
_SOURCE_JOB = _ID | {"description": "Instead of video: the id of one of your jobs that has a video."}


def _property(parameter: Parameter) -> Schema:
    if parameter.kind.is_media:
        return _ID | {"description": f"{parameter.help} The id of an upload."}
    schema: Schema = {"type": str(parameter.kind)}
    if parameter.help or parameter.label:
        schema["description"] = parameter.help or parameter.label
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    return schema | _bounds(parameter)


def _form_property(parameter: Parameter) -> Schema:
    if parameter.kind.is_media:
        return _FILE | {"description": f"{parameter.help} A file, or the id of an upload as text."}
    return _property(parameter)


def _bounds(parameter: Parameter) -> Schema:
    bounds: Schema = {}
    if parameter.kind is Kind.TEXT and not parameter.choices:
        bounds["pattern"] = _TEXT if parameter.required else _NO_NUL
    if parameter.kind is Kind.TEXT and parameter.required:
        bounds["minLength"] = 1
    if parameter.max_length:
        bounds["maxLength"] = parameter.max_length
    if parameter.minimum is not None:
        bounds["minimum"] = parameter.minimum
    if parameter.maximum is not None:
        bounds["maximum"] = parameter.maximum
    return bounds


def _shorthand(model: VideoModel, parameter: Parameter) -> Schema:
    """Describe another way to say a part of the size; without a default, since a size may be said instead."""
    schema = {name: value for name, value in _property(parameter).items() if name != "default"}
    description = f"{parameter.label}: with the other one instead of {model.size_parameter}."
    return schema | {"description": f"{description} Where only one is said, the other one's usual value is meant."}


def _request(
    model: VideoModel, extra: Schema, property_: Callable[[Parameter], Schema], ignored: Schema = _IGNORED
) -> Schema:
    source = {"source_job": _SOURCE_JOB} if _is_from_video(model) else {}
    schema = {
        "type": "object",
        "title": model.title,
        "description": model.summary,
        "required": ["model", *(p.name for p in model.parameters if p.required and not (source and p.kind.is_media))],
        "properties": {
            "model": {"type": "string", "enum": list(model.names)},
            **{parameter.name: property_(parameter) for parameter in model.parameters},
            **source,
            **{parameter.name: _shorthand(model, parameter) for parameter in model.shorthands},
            **dict.fromkeys(model.ignored, ignored),
            **extra,
        },
        "additionalProperties": False,
    }
    return schema | {"oneOf": [{"required": ["video"]}, {"required": ["source_job"]}]} if source else schema


def _is_from_video(model: VideoModel) -> bool:
    return bool(model.media and model.media.kind is Kind.VIDEO)


def _body(extra: Schema) -> Schema:
    """Describe a wish in JSON. A family's name alone means the member that takes what is given."""
    return {"oneOf": [_request(model, extra, _property) for model in MODELS]}


def _form(extra: Schema) -> Schema:
    """Describe the same wish as a form, with a file."""
    files = {model.media.name: _FILE for model in MODELS if model.media}
    ignored = _IGNORED | {"type": "string"}
    forms = [_request(model, extra, _form_property, ignored) for model in MODELS]
    # Programs that look for files look at the properties of the whole.
    return {"type": "object", "properties": files, "oneOf": forms}


_MAX_COST: Schema = {
    "max_cost": {
        "type": ["string", "number", "null"],
        "pattern": r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,6})?$",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1_000_000_000,
        "description": "Dollars: a job that costs more now is refused with 409 price_changed.",
    }
}
_MAX_COST_AS_TEXT = {"max_cost": _MAX_COST["max_cost"] | {"type": "string"}}

QUOTE_REQUEST = _body({})
QUOTE_FORM = _form({})
JOB_REQUEST = _body(_MAX_COST)
JOB_FORM = _form(_MAX_COST_AS_TEXT)
RETRY_REQUEST: Schema = {"type": "object", "properties": _MAX_COST, "additionalProperties": False}
UPLOAD_FORM: Schema = {
    "type": "object",
    "required": ["file"],
    "properties": {"file": _FILE | {"description": "A PNG, JPEG or WebP picture, or an MP4, MOV or WebM video."}},
    "additionalProperties": False,
}

_UPLOAD = "0f8fad5b-d9cb-469f-a165-70867728950e"


def _example(name: str, **wish: Any) -> OpenApiExample:
    return OpenApiExample(name, value=wish, request_only=True, media_type="application/json")


EXAMPLES = [
    _example("A short clip", model="ltx-2-pro", prompt="A red fox in snow", duration=6),
    _example("From a picture", model="ltx-2-fast", prompt="The fox runs away", image=_UPLOAD),
    _example(
        "Another sound for a video", model="ltx-2-retake", prompt="Rain", source_job=_UPLOAD, mode="replace_audio"
    ),
]


class BodySchema(AutoSchema):
    """Says that a body is required, which the library does not for bodies that are no serializers."""

    def _get_request_body(self, direction: Any = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        return body | {"required": True} if body else body
