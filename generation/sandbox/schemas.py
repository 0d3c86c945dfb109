"""
The models on offer with the provider's own request schemas, written down apart from the application's catalogue,
so that a mistake in one shows in the other. Source: WaveSpeed's public model catalogue, summer 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}

Schema = dict[str, Any]

_PROMPT: Schema = {"type": "string", "minLength": 1, "maxLength": 5000}
_FREE_PROMPT: Schema = {"type": "string", "minLength": 1}
_URL: Schema = {"type": "string", "minLength": 1, "format": "uri"}
_SOUND: Schema = {"type": "boolean", "default": True}
_SEED: Schema = {"type": "integer", "default": -1, "minimum": -1, "maximum": 2147483647}
_PRO_SECONDS: Schema = {"type": "integer", "enum": [6, 8, 10], "default": 6}
_FAST_SECONDS: Schema = {"type": "integer", "enum": [6, 8, 10, 12, 14, 16, 18, 20], "default": 6}
_HUNYUAN_SECONDS: Schema = {"type": "integer", "enum": [5, 8, 10], "default": 5}
_HUNYUAN_SIZE: Schema = {
    "type": "string",
    "enum": ["832*480", "480*832", "1280*720", "720*1280"],
    "default": "1280*720",
}
_RETAKE_MODE: Schema = {
    "type": "string",
    "enum": ["replace_audio_and_video", "replace_audio", "replace_video"],
    "default": "replace_audio_and_video",
}


def _schema(*required: str, **properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
        "x-order-properties": list(properties),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model on offer: its id, what it makes and the schema of its request."""

    id: str
    name: str
    type: str
    request: Schema


_ALL = (
    Model(
        id="lightricks/ltx-2-pro/text-to-video",
        name="LTX-2 Pro, text to video",
        type="text-to-video",
        request=_schema("prompt", prompt=_PROMPT, duration=_PRO_SECONDS, generate_audio=_SOUND),
    ),
    Model(
        id="lightricks/ltx-2-pro/image-to-video",
        name="LTX-2 Pro, image to video",
        type="image-to-video",
        request=_schema("image", "prompt", image=_URL, prompt=_PROMPT, duration=_PRO_SECONDS, generate_audio=_SOUND),
    ),
    Model(
        id="lightricks/ltx-2-fast/text-to-video",
        name="LTX-2 Fast, text to video",
        type="text-to-video",
        request=_schema("prompt", prompt=_PROMPT, duration=_FAST_SECONDS, generate_audio=_SOUND),
    ),
    Model(
        id="lightricks/ltx-2-fast/image-to-video",
        name="LTX-2 Fast, image to video",
        type="image-to-video",
        request=_schema("image", "prompt", image=_URL, prompt=_PROMPT, duration=_FAST_SECONDS, generate_audio=_SOUND),
    ),
    Model(
        id="lightricks/ltx-2-retake",
        name="LTX-2 Retake",
        type="video-to-video",
        request=_schema("prompt", "video", prompt=_PROMPT, video=_URL, mode=_RETAKE_MODE),
    ),
    Model(
        id="wavespeed-ai/hunyuan-video-1.5/text-to-video",
        name="HunyuanVideo-1.5, text to video",
        type="text-to-video",
        request=_schema(
            "prompt",
            prompt=_FREE_PROMPT,
            negative_prompt={"type": "string"},
            size=_HUNYUAN_SIZE,
            duration=_HUNYUAN_SECONDS,
            seed=_SEED,
        ),
    ),
    Model(
        id="wavespeed-ai/hunyuan-video-1.5/image-to-video",
        name="HunyuanVideo-1.5, image to video",
        type="image-to-video",
        request=_schema(
            "image",
            "prompt",
            image=_URL,
            prompt=_FREE_PROMPT,
            resolution={"type": "string", "enum": ["480p", "720p"], "default": "720p"},
            duration=_HUNYUAN_SECONDS,
            seed=_SEED,
        ),
    ),
)

MODELS: Mapping[str, Model] = {model.id: model for model in _ALL}


def with_defaults(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what a request leaves out and the schema gives."""
    defaults = {name: rule["default"] for name, rule in model.request["properties"].items() if "default" in rule}
    return {**defaults, **inputs}


def problem(model: Model, inputs: Mapping[str, Any]) -> str | None:
    """Return why the provider would refuse these inputs, or None."""
    for name in model.request["required"]:
        if name not in inputs:
            return f"property '{name}' is missing"
    return problem_of_values(model, inputs)


def problem_of_values(model: Model, inputs: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the inputs that are there, whatever is missing."""
    properties = model.request["properties"]
    for name, value in inputs.items():
        if name not in properties:
            return f"property '{name}' is not allowed: additional properties are not permitted"
        wrong = _wrong(value, properties[name])
        if wrong:
            return f"property '{name}': {wrong}"
    return None


def _wrong(value: object, rule: Schema) -> str | None:
    # A JSON true is no integer, whatever Python says.
    if "type" in rule and type(value) not in TYPES[rule["type"]]:
        return f"must be of type {rule['type']}"
    if "enum" in rule and value not in rule["enum"]:
        return f"must be one of {', '.join(str(choice) for choice in rule['enum'])}"
    if isinstance(value, str):
        return _wrong_text(value, rule)
    if isinstance(value, int | float) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        return f"must lie between {rule.get('minimum', '-')} and {rule.get('maximum', '-')}"
    return None


def _wrong_text(value: str, rule: Schema) -> str | None:
    if len(value) < rule.get("minLength", 0):
        return f"must have at least {rule['minLength']} characters"
    if len(value) > rule.get("maxLength", len(value)):
        return f"must have at most {rule['maxLength']} characters"
    if rule.get("format") == "uri" and not value.startswith(("http://", "https://")):
        return "must be a valid http(s) URL"
    return None
