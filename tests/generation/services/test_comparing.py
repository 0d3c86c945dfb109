"""What counts as a difference between our catalogue and the provider's schemas."""

from copy import deepcopy
from typing import Any

import pytest

from generation.catalog import HUNYUAN, HUNYUAN_IMAGE, LTX_2_PRO, LTX_2_PRO_IMAGE, LTX_2_RETAKE, MODELS, VideoModel
from generation.services.comparing import Priced, complete_inputs, offered_values, price_drifts, schema_drifts

SCHEMA: dict[str, Any] = {
    "properties": {
        "prompt": {"type": "string", "maxLength": 5000},
        "duration": {"type": "integer", "enum": [6, 8, 10]},
        "generate_audio": {"type": "boolean"},
    },
    "required": ["prompt"],
}


def drifts(model: VideoModel = LTX_2_PRO, *, required: list[str] | None = None, **rules: Any) -> list[str]:
    schema = deepcopy(SCHEMA)
    schema["properties"] |= rules
    schema["properties"] = {name: rule for name, rule in schema["properties"].items() if rule is not None}
    schema["required"] += required or []
    return [said(drift) for drift in schema_drifts(model, schema)]


def said(drift: Any) -> str:
    what = "remark" if drift.is_remark else "model" if drift.closes_model else "value" if drift.reason else "line"
    return f"{what}: {drift.parameter} {drift.what}"


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ({}, []),
        ({"duration": {"type": "integer", "enum": [6.0, 8, 10]}}, []),
        ({"duration": {"type": "number", "minimum": 6, "maximum": 10}}, []),
        ({"duration": {"enum": [6, 8, 10]}}, []),
        (
            {"duration": {"type": ["integer", "null"], "enum": [6, 8, 10, None]}},
            [],
        ),
        ({"duration": {"type": "integer", "enum": [6, 8]}}, ["value: duration 10 is gone"]),
        ({"duration": {"type": "integer", "maximum": 8}}, ["value: duration 10 is gone"]),
        ({"duration": {"type": "integer", "minimum": 7}}, ["value: duration 6 is gone"]),
        ({"duration": {"type": "integer", "enum": [6, 8, 10, 12]}}, ["remark: duration 12 could be offered"]),
        ({"duration": {"type": "integer", "enum": [5, 7]}}, ["model: duration none of our values is left"]),
        ({"duration": {"type": "integer", "enum": []}}, ["model: duration none of our values is left"]),
        ({"duration": {"type": "string", "enum": ["6", "8", "10"]}}, ["model: duration of another type"]),
        ({"duration": {"enum": ["6", "8", "10"]}}, ["model: duration none of our values is left"]),
        ({"duration": {"enum": [True, 6, 8, 10]}}, ["remark: duration true could be offered"]),
        ({"duration": None}, ["model: duration not taken any more"]),
        ({"duration": "6"}, ["model: duration not taken any more"]),
        ({"generate_audio": {"type": "boolean", "enum": [True]}}, ["value: generate_audio false is gone"]),
        ({"generate_audio": {"type": "integer", "enum": [0, 1]}}, ["model: generate_audio of another type"]),
        ({"prompt": {"type": "string", "enum": ["a fox"]}}, ["model: prompt no free choice any more"]),
        ({"prompt": {"type": "string", "maxLength": 4000}}, ["line: prompt maxLength is narrower"]),
        ({"prompt": {"type": "string"}}, []),
        ({"style": {"type": "string"}}, ["remark: style could be offered"]),
    ],
    ids=str,
)
def test_a_rule_differs(rules: dict[str, Any], expected: list[str]) -> None:
    assert drifts(**rules) == expected


def test_what_is_required_must_always_be_sent() -> None:
    assert drifts(required=["duration", "generate_audio"]) == []
    assert drifts(required=["style"]) == ["model: style required"]


def test_a_parameter_that_is_left_out_when_empty_may_not_be_required() -> None:
    rules = {
        "prompt": {"type": "string"},
        "size": {"type": "string", "enum": ["832*480", "480*832", "1280*720", "720*1280"]},
        "duration": {"type": "integer", "enum": [5, 8, 10]},
        "negative_prompt": {"type": "string"},
        "seed": {"type": "integer", "minimum": 0, "maximum": 2147483647},
    }
    schema = {"properties": rules, "required": ["prompt", "seed", "negative_prompt"]}
    assert [said(drift) for drift in schema_drifts(HUNYUAN, schema)] == [
        "model: seed minimum is narrower",
        "model: negative_prompt required",
    ]


def test_what_stands_in_the_prompt_is_no_parameter_of_theirs() -> None:
    rules = {
        "prompt": {"type": "string"},
        "video": {"type": "string"},
        "mode": {"type": "string", "enum": ["replace_audio_and_video", "replace_audio", "replace_video"]},
    }
    assert list(schema_drifts(LTX_2_RETAKE, {"properties": rules, "required": ["prompt", "video"]})) == []


@pytest.mark.parametrize("schema", [None, {}, {"properties": 7}, {"properties": []}], ids=str)
def test_a_schema_that_cannot_be_read_is_named_and_closes_nothing(schema: Any) -> None:
    assert [said(drift) for drift in schema_drifts(LTX_2_PRO, schema)] == ["line:  its schema cannot be read"]


@pytest.mark.parametrize("required", [None, 7, "prompt"])
def test_a_list_of_what_is_required_may_be_missing(required: Any) -> None:
    assert list(schema_drifts(LTX_2_PRO, {**SCHEMA, "required": required})) == []


def test_a_line_names_model_parameter_ours_and_theirs() -> None:
    schema = {**SCHEMA, "properties": {**SCHEMA["properties"], "duration": {"type": "integer", "enum": [6, 8]}}}
    (drift,) = schema_drifts(LTX_2_PRO, schema)
    assert str(drift) == "lightricks/ltx-2-pro/text-to-video, duration: 10 is gone; ours: 6, 8, 10; theirs: 6, 8"


def test_inputs_are_complete_for_each_variant_and_length() -> None:
    values = {"size": ("832*480", "1280*720"), "duration": (5, 8)}
    found = [inputs for _, inputs in complete_inputs(HUNYUAN, values)]
    assert [(inputs["size"], inputs["duration"]) for inputs in found] == [
        ("832*480", 5),
        ("832*480", 8),
        ("1280*720", 5),
        ("1280*720", 8),
    ]
    assert all(inputs["prompt"] and inputs["seed"] == -1 for inputs in found)


@pytest.mark.parametrize("model", [LTX_2_PRO_IMAGE, HUNYUAN_IMAGE])
def test_inputs_of_a_model_with_a_picture_name_one(model: VideoModel) -> None:
    values = {"resolution": ("480p",), "duration": (6,)}
    ((_, inputs),) = complete_inputs(model, values)
    assert str(inputs["image"]).startswith("https://")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.id)
def test_no_reason_is_too_long_for_its_switch(model: VideoModel) -> None:
    gone: dict[str, Any] = {"properties": {}, "required": ["x" * 1000]}
    assert all(0 < len(drift.reason) <= 300 for drift in schema_drifts(model, gone))


def test_offered_values_are_those_of_ours_that_they_take() -> None:
    schema = {"properties": {"duration": {"type": "integer", "enum": [8, 10, 12]}, "generate_audio": {}}}
    assert offered_values(LTX_2_PRO, schema) == {"duration": (8, 10), "generate_audio": (True, False)}
    assert offered_values(LTX_2_PRO, None) == {}


def test_a_price_above_ours_closes_and_one_below_is_a_remark() -> None:
    same = Priced(seconds=6, ours=360_000, theirs=360_000)
    dearer = Priced(seconds=8, ours=480_000, theirs=480_001)
    cheaper = Priced(seconds=10, ours=600_000, theirs=300_000)
    assert list(price_drifts(LTX_2_PRO, "", [same])) == []
    above, below = price_drifts(LTX_2_PRO, "720p", [same, dearer, cheaper])
    assert (above.closes_model, above.is_remark) == (True, False)
    assert (above.parameter, above.ours, above.theirs) == ("price 720p", "$0.48 for 8 s", "$0.480001 for 8 s")
    assert above.reason == "WaveSpeed asks $0.480001 for 8 s, more than our $0.48."
    assert (below.closes_model, below.is_remark, below.theirs) == (False, True, "$0.30 for 10 s")
