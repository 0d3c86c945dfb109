"""The offer as it may change at the provider, at the start and while the sandbox runs."""

import subprocess
import sys
from typing import Any

import pytest
import requests
from django.core.management import CommandError, call_command

from tests.generation.sandbox.conftest import HUNYUAN, LTX_FAST, LTX_PRO, RETAKE, Api, data_of
from tests.sandbox import RunningSandbox, running_sandbox

SECONDS = f"{LTX_PRO}.duration"


def schemas(api: Api) -> dict[str, Any]:
    offers = data_of(api.call("GET", "/models"))
    return {offer["model_id"]: offer["api_schema"]["api_schemas"][0]["request_schema"] for offer in offers}


def test_a_model_may_be_gone(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(without=[LTX_PRO])
    assert LTX_PRO not in schemas(api)
    assert api.try_submit("A fox").status_code == 404
    assert api.call("POST", "/model/price", json={"model_id": LTX_PRO}).status_code == 404
    assert api.try_submit("A fox", model=LTX_FAST).status_code == 200


def test_a_parameter_may_have_another_schema_which_a_submit_obeys(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={SECONDS: {"type": "integer", "enum": [6, 12], "default": 6}})
    assert schemas(api)[LTX_PRO]["properties"]["duration"]["enum"] == [6, 12]
    assert api.try_submit("A fox", duration=8).status_code == 400
    assert api.made("A fox", duration=12)
    assert api.call("POST", "/model/price", json={"model_id": LTX_PRO, "inputs": {"duration": 8}}).status_code == 400
    assert schemas(api)[LTX_FAST]["properties"]["duration"]["enum"][:2] == [6, 8]


def test_a_parameter_may_be_gone(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(schemas={SECONDS: None})
    assert "duration" not in schemas(api)[LTX_PRO]["properties"]
    assert api.try_submit("A fox", duration=6).status_code == 400
    assert api.made("A fox")


def test_a_parameter_may_become_required_or_be_so_no_more(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(
        schemas={f"{LTX_PRO}.style": {"type": "string", "required": True}, f"{RETAKE}.video": {"type": "string"}}
    )
    assert schemas(api)[LTX_PRO]["required"] == ["prompt", "style"]
    assert schemas(api)[LTX_PRO]["properties"]["style"] == {"type": "string"}
    assert api.try_submit("A fox").status_code == 400
    assert api.made("A fox", style="noir")
    assert "video" in schemas(api)[RETAKE]["required"]
    sandbox.set(schemas={f"{RETAKE}.video": {"type": "string", "required": False}})
    assert "video" not in schemas(api)[RETAKE]["required"]


@pytest.mark.parametrize(
    "rule",
    [
        {"type": "string", "default": "6s"},
        {"type": "number", "minimum": 2, "maximum": 20, "default": 6},
        {"type": "integer"},
        {"enum": [6, 8]},
        None,
    ],
)
def test_every_schema_can_be_listed_priced_and_tried(api: Api, sandbox: RunningSandbox, rule: Any) -> None:
    sandbox.set(schemas={SECONDS: rule, f"{HUNYUAN}.duration": rule})
    assert len(schemas(api)) == 7
    assert api.post("/model/price", {"model_id": LTX_PRO, "inputs": {}})["price"] > 0
    assert api.try_submit("A fox").status_code == 200


def test_a_reset_brings_everything_back(api: Api, sandbox: RunningSandbox) -> None:
    before = schemas(api)
    sandbox.set(without=[RETAKE], schemas={SECONDS: None})
    sandbox.reset()
    assert schemas(api) == before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"without": ["somebody/else"]}, "'somebody/else' is no model of the sandbox; allowed: lightricks"),
        ({"schemas": {"somebody/else.duration": None}}, "'somebody/else' is no model"),
        ({"schemas": {"duration": None}}, "'' is no model"),
        ({"schemas": {SECONDS: 6}}, "6 is no schema; allowed: an object with a type of string, integer"),
        ({"schemas": {SECONDS: {"type": "text"}}}, "is no schema"),
        ({"schemas": {SECONDS: {"type": ["integer", "null"]}}}, "is no schema"),
        ({"schemas": {SECONDS: {"enum": 6}}}, "enum is 6; allowed: a list"),
        ({"schemas": {f"{LTX_PRO}.prompt": None}}, "prompt stays a string"),
        ({"without": LTX_PRO}, "wrong type for without"),
    ],
)
def test_a_drift_that_makes_no_sense_changes_nothing(
    api: Api, sandbox: RunningSandbox, changes: dict[str, Any], said: str
) -> None:
    before = schemas(api)
    answer = requests.post(f"{sandbox.url}/sandbox/options", json={**changes, "balance": 1}, timeout=60)
    assert answer.status_code == 400
    assert said in answer.json()["message"]
    assert schemas(api) == before
    assert sandbox.stats()["balance"] == 10_000


def test_a_sandbox_may_start_with_it() -> None:
    with running_sandbox(
        without=[RETAKE],
        schemas={f"{HUNYUAN}.duration": {"type": "integer", "enum": [5, 8]}, SECONDS: None},
        prices={LTX_FAST: 0.05},
    ) as started:
        api = Api(started.url)
        found = schemas(api)
        assert len(found) == 6
        assert found[HUNYUAN]["properties"]["duration"] == {"type": "integer", "enum": [5, 8]}
        assert "duration" not in found[LTX_PRO]["properties"]
        assert api.post("/model/price", {"model_id": LTX_FAST, "inputs": {"duration": 6}})["price"] == 0.3


@pytest.mark.parametrize("argument", ["--without=x/y", f"--schema={SECONDS}=6", f"--schema={SECONDS}={{", "--schema=x"])
def test_a_sandbox_does_not_start_with_nonsense(argument: str) -> None:
    command = [sys.executable, "-m", "generation.sandbox", "--port=0", argument]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "error: " in ended.stderr


def test_manage_py_sandbox_takes_it_too() -> None:
    with pytest.raises(CommandError, match="'x/y' is no model of the sandbox"):
        call_command("sandbox", "--without=x/y")
    with pytest.raises(CommandError, match="prompt stays a string"):
        call_command("sandbox", f"--schema={LTX_PRO}.prompt=null", "--price", f"{LTX_PRO}=0.07")
