import pytest
import requests

from tests.generation.sandbox.conftest import LTX_PRO, Api
from tests.sandbox import RunningSandbox, running_sandbox

KEYED = [
    ("GET", "/predictions/0123/result"),
    ("GET", "/predictions/0123"),
    ("POST", "/predictions"),
    ("POST", "/predictions/delete"),
    ("GET", "/models"),
    ("POST", "/model/price"),
    ("POST", "/model/pricing"),
    ("GET", "/balance"),
    ("POST", "/media/uploads"),
    ("POST", "/billings/search"),
    ("GET", "/webhook/secret"),
    ("POST", f"/{LTX_PRO}"),
]


@pytest.mark.parametrize(("method", "path"), KEYED)
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic abc"}])
def test_every_route_of_the_api_wants_a_key(api: Api, method: str, path: str, headers: dict[str, str]) -> None:
    answer = api.call(method, path, headers=headers, json={})
    assert answer.status_code == 401
    assert answer.json()["code"] == 401
    assert answer.json()["message"]


def test_any_key_will_do_unless_one_is_set(sandbox: RunningSandbox) -> None:
    assert Api(sandbox.url, key="whatever").call("GET", "/balance").status_code == 200
    sandbox.set(api_key="the-key")
    assert Api(sandbox.url, key="whatever").call("GET", "/balance").status_code == 401
    assert Api(sandbox.url, key="the-key").call("GET", "/balance").status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000])
@pytest.mark.parametrize("path", [f"/{LTX_PRO}", "/predictions", "/model/price", "/media/uploads", "/billings/search"])
def test_a_bad_body_is_refused_cleanly(api: Api, sandbox: RunningSandbox, path: str, body: bytes) -> None:
    answer = api.call("POST", path, data=body)
    assert answer.status_code == 400
    assert answer.json()["code"] == 400
    assert sandbox.stats()["submissions"] == 0


def test_a_body_without_end_is_refused(api: Api) -> None:
    assert api.call("POST", "/predictions", data=b" " * (1024 * 1024 + 1)).status_code == 413


def test_unknown_addresses_and_methods_answer_in_an_envelope(api: Api) -> None:
    assert api.call("GET", "/nothing/here").json()["code"] in {404, 405}
    assert api.call("DELETE", "/balance").json()["code"] == 405
    assert requests.get(f"{api.url}/elsewhere", timeout=60).json()["code"] == 404


def test_an_unknown_model_is_refused(api: Api, sandbox: RunningSandbox) -> None:
    answer = api.try_submit("A fox", model="somebody/else")
    assert (answer.status_code, answer.json()["code"]) == (404, 404)
    assert sandbox.stats()["submissions"] == 0


def test_an_unknown_prediction_is_not_found(api: Api) -> None:
    assert api.poll("0" * 32).status_code == 404


def test_half_a_surrogate_pair_breaks_nothing(api: Api, sandbox: RunningSandbox) -> None:
    answer = api.call("POST", f"/{LTX_PRO}", data=b'{"prompt": "A fox \\uD83E and \\ud83e\\udd8a"}')
    assert api.wait(answer.json()["data"]["id"])["status"] == "completed"
    (prediction,) = sandbox.stats()["predictions"]
    assert prediction["prompt"] == "A fox ? and \U0001f98a"


def test_it_stops_when_whoever_started_it_is_gone() -> None:
    with running_sandbox() as sandbox:
        assert sandbox.process.stdin is not None
        sandbox.process.stdin.close()
        assert sandbox.process.wait(timeout=60) == 0


def test_options_of_the_command_line_reach_the_sandbox() -> None:
    options = {
        "api_key": "k",
        "balance": 12.5,
        "concurrent": 2,
        "per_minute": 3,
        "faults": ("failed", "slow=3"),
        "fault_probability": 0.25,
        "prices": {LTX_PRO: 0.5},
        "include_inputs": False,
        "tiny": False,
        "plain": True,
    }
    with running_sandbox(**options) as sandbox:
        shown = sandbox.set()
        assert {name: shown[name] for name in options} == options | {"faults": ["failed", "slow=3"]}
