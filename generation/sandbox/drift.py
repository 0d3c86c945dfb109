"""An offer that has changed: models that are gone, parameters with another schema. As options say it, and arguments."""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .options import SandboxOptions
from .schemas import MODELS, TYPES, Model, Schema


class UnknownDriftError(ValueError):
    """The offer cannot change like this; the message says what is allowed."""


def offered(options: SandboxOptions) -> dict[str, Model]:
    """Return the models on offer, as the options change them."""
    for model_id in options.without:
        _check_model(model_id)
    models = dict(MODELS)
    for name, rule in options.schemas.items():
        model_id, _, parameter = name.rpartition(".")
        _check_model(model_id)
        models[model_id] = _changed(models[model_id], parameter, rule)
    return {model_id: model for model_id, model in models.items() if model_id not in options.without}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take what changes the offer."""
    parser.add_argument("--price", action="append", type=_price, metavar="MODEL=DOLLARS", help="dollars a second")
    parser.add_argument("--without", action="append", metavar="MODEL", help="a model that is not on offer any more")
    parser.add_argument(
        "--schema",
        action="append",
        type=_schema,
        metavar="MODEL.PARAMETER=JSON",
        help='another schema of a parameter, with "required": true or false if that changes, too; null: none',
    )


def chosen(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given of `add_arguments` as options."""
    return {
        "prices": dict(arguments.get("price") or ()),
        "without": tuple(arguments.get("without") or ()),
        "schemas": dict(arguments.get("schema") or ()),
    }


def _changed(model: Model, parameter: str, rule: Any) -> Model:
    if not parameter or (parameter == "prompt" and not (isinstance(rule, dict) and rule.get("type") == "string")):
        raise UnknownDriftError(f"{model.id}.{parameter or '?'}: any parameter may change, but prompt stays a string")
    properties = {name: schema for name, schema in model.request["properties"].items() if name != parameter}
    required = [name for name in model.request["required"] if name != parameter]
    if rule is not None:
        properties[parameter] = {name: value for name, value in _checked(rule).items() if name != "required"}
        if parameter == "prompt" or rule.get("required", parameter in model.request["required"]):
            required.append(parameter)
    changed = {"properties": properties, "required": required, "x-order-properties": list(properties)}
    return replace(model, request={**model.request, **changed})


def _checked(rule: Any) -> Schema:
    if not isinstance(rule, dict) or str(rule.get("type", "string")) not in TYPES:
        raise UnknownDriftError(f"{rule!r} is no schema; allowed: an object with a type of {', '.join(TYPES)}, or null")
    if not isinstance(rule.get("enum", []), list):
        raise UnknownDriftError(f"enum is {rule['enum']!r}; allowed: a list")
    return rule


def _check_model(model_id: str) -> None:
    if model_id not in MODELS:
        raise UnknownDriftError(f"{model_id!r} is no model of the sandbox; allowed: {', '.join(MODELS)}")


def _price(text: str) -> tuple[str, float]:
    model, _, dollars = text.partition("=")
    return model, float(dollars)


def _schema(text: str) -> tuple[str, Any]:
    name, _, rule = text.partition("=")
    return name, json.loads(rule)
