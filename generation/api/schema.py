"""The bodies of requests for the OpenAPI schema, derived from the catalogue."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample

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
        if parameter.required:
            schema |= {"minLength": 1, "pattern": r"\S"}
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
        "pattern": r"^(?=.*[1-9])[0-9]{1,9}(\.[0-9]{1,6})?$",
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1_000_000_000,
        "description": "Dollars: a job that costs more now is refused with 409 price_changed.",
    }
}

QUOTE_REQUEST: dict[str, Any] = {"oneOf": [_request(model, {}) for model in MODELS]}
JOB_REQUEST: dict[str, Any] = {"oneOf": [_request(model, _MAX_COST) for model in MODELS]}

EXAMPLE = OpenApiExample(
    "A short clip",
    value={"model": "ltx-2-pro", "prompt": "A red fox in snow", "duration": 6},
    request_only=True,
)


class BodySchema(AutoSchema):
    """Says that a body is required, which the library does not for bodies that are no serializers."""

    def _get_request_body(self, direction: Any = "request") -> Any:
        body = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        return body | {"required": True} if body else body
