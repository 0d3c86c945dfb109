"""The bodies of requests for the OpenAPI schema, derived from the catalogue."""

from typing import Any

from generation.catalog import MODELS, Kind, Parameter, VideoModel


def _property(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": str(parameter.kind)}
    if parameter.help or parameter.label:
        schema["description"] = parameter.help or parameter.label
    if parameter.default is not None:
        schema["default"] = parameter.default
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.kind is Kind.TEXT:
        schema["minLength"] = 1 if parameter.required else 0
        if parameter.max_length:
            schema["maxLength"] = parameter.max_length
    return schema


def _request(model: VideoModel, extra: dict[str, Any]) -> dict[str, Any]:
    ignored = {name: {"description": "Accepted and ignored, with a warning."} for name in model.ignored}
    return {
        "type": "object",
        "title": model.title,
        "required": ["model", *(p.name for p in model.parameters if p.required)],
        "properties": {
            "model": {"type": "string", "enum": list(model.names)},
            **{parameter.name: _property(parameter) for parameter in model.parameters},
            **ignored,
            **extra,
        },
        "additionalProperties": False,
    }


_MAX_COST = {
    "max_cost": {
        "type": ["string", "number", "null"],
        "description": "Dollars: a job that costs more now is refused with 409 price_changed.",
    }
}

QUOTE_REQUEST: dict[str, Any] = {"oneOf": [_request(model, {}) for model in MODELS]}
JOB_REQUEST: dict[str, Any] = {"oneOf": [_request(model, _MAX_COST) for model in MODELS]}
