from typing import Any

import pytest

from generation.sandbox.schemas import MODELS, problem, with_defaults
from tests.generation.sandbox.conftest import HUNYUAN, HUNYUAN_IMAGE, LTX_FAST, LTX_PRO, RETAKE, Api
from tests.sandbox import RunningSandbox

LTX_PRO_IMAGE = "lightricks/ltx-2-pro/image-to-video"
URL = "https://example.com/a"

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (LTX_PRO, {}, "prompt"),
    (LTX_PRO, {"prompt": ""}, "prompt"),
    (LTX_PRO, {"prompt": "x" * 5001}, "prompt"),
    (LTX_PRO, {"prompt": 7}, "prompt"),
    (LTX_PRO, {"prompt": None}, "prompt"),
    (LTX_PRO, {"prompt": "x", "duration": 7}, "duration"),
    (LTX_PRO, {"prompt": "x", "duration": 12}, "duration"),
    (LTX_PRO, {"prompt": "x", "duration": "6"}, "duration"),
    (LTX_PRO, {"prompt": "x", "duration": 6.0}, "duration"),
    (LTX_PRO, {"prompt": "x", "duration": True}, "duration"),
    (LTX_PRO, {"prompt": "x", "generate_audio": "yes"}, "generate_audio"),
    (LTX_PRO, {"prompt": "x", "generate_audio": 1}, "generate_audio"),
    (LTX_PRO, {"prompt": "x", "seed": 1}, "seed"),
    (LTX_PRO, {"prompt": "x", "negative_prompt": "y"}, "negative_prompt"),
    (LTX_PRO, {"prompt": "x", "image": URL}, "image"),
    (LTX_PRO_IMAGE, {"prompt": "x"}, "image"),
    (LTX_PRO_IMAGE, {"prompt": "x", "image": "not an address"}, "image"),
    (LTX_FAST, {"prompt": "x", "duration": 5}, "duration"),
    (LTX_FAST, {"prompt": "x", "duration": 22}, "duration"),
    (RETAKE, {"prompt": "x"}, "video"),
    (RETAKE, {"prompt": "x", "video": URL, "duration": 6}, "duration"),
    (RETAKE, {"prompt": "x", "video": URL, "mode": "replace"}, "mode"),
    (HUNYUAN, {"prompt": "x", "duration": 6}, "duration"),
    (HUNYUAN, {"prompt": "x", "size": "1920*1080"}, "size"),
    (HUNYUAN, {"prompt": "x", "seed": -2}, "seed"),
    (HUNYUAN, {"prompt": "x", "seed": 2**31}, "seed"),
    (HUNYUAN, {"prompt": "x", "generate_audio": True}, "generate_audio"),
    (HUNYUAN_IMAGE, {"prompt": "x", "image": URL, "negative_prompt": "y"}, "negative_prompt"),
    (HUNYUAN_IMAGE, {"prompt": "x", "image": URL, "resolution": "1080p"}, "resolution"),
]

TAKEN: list[tuple[str, dict[str, Any]]] = [
    (LTX_PRO, {"prompt": "x" * 5000, "duration": 10, "generate_audio": False}),
    (LTX_PRO_IMAGE, {"prompt": "x", "image": URL, "duration": 8}),
    (LTX_FAST, {"prompt": "x", "duration": 20}),
    (RETAKE, {"prompt": "x", "video": URL, "mode": "replace_audio"}),
    (HUNYUAN, {"prompt": "x" * 6000, "duration": 10, "size": "480*832", "seed": -1, "negative_prompt": ""}),
    (HUNYUAN_IMAGE, {"prompt": "x", "image": URL, "resolution": "480p", "duration": 5, "seed": 7}),
]


@pytest.mark.parametrize(("model", "inputs", "name"), REFUSED)
def test_inputs_that_the_schema_does_not_allow_are_named(model: str, inputs: dict[str, Any], name: str) -> None:
    assert f"'{name}'" in (problem(MODELS[model], inputs) or "")


@pytest.mark.parametrize(("model", "inputs"), TAKEN)
def test_inputs_that_the_schema_allows_are_taken(model: str, inputs: dict[str, Any]) -> None:
    assert problem(MODELS[model], inputs) is None


def test_what_is_left_out_is_filled_in() -> None:
    assert with_defaults(MODELS[LTX_PRO], {"prompt": "x"}) == {"prompt": "x", "duration": 6, "generate_audio": True}
    assert with_defaults(MODELS[HUNYUAN], {"prompt": "x"})["size"] == "1280*720"


def test_a_refusal_is_a_400_and_creates_nothing(api: Api, sandbox: RunningSandbox) -> None:
    answer = api.try_submit("A fox", duration=7)
    assert (answer.status_code, answer.json()["code"]) == (400, 400)
    assert "duration" in answer.json()["message"]
    assert "6, 8, 10" in answer.json()["message"]
    assert sandbox.stats()["submissions"] == 0


def test_every_schema_closes_the_door_on_unknown_properties() -> None:
    assert [model.id for model in MODELS.values() if model.request["additionalProperties"] is not False] == []
    assert len(MODELS) == 7
