import pytest
import requests

from tests.generation.sandbox.conftest import LTX_PRO, Api, wait_until
from tests.sandbox import RunningSandbox

BEFORE = [
    ("refused", 400, 400),
    ("refused_envelope", 200, 400),
    ("refused_quoting", 400, 400),
    ("no_credit", 402, 402),
    ("unauthorized", 401, 401),
    ("rate_limited", 429, 429),
    ("rate_limited_retry_after", 429, 429),
    ("plain_429", 429, 429),
    ("408_before", 408, 408),
    ("500_before", 500, 500),
    ("5003_before", 200, 5003),
]
AFTER = [("plain_429_after", 429, 429), ("500_after", 500, 500), ("5003", 200, 5003)]


@pytest.mark.parametrize(("fault", "status", "code"), BEFORE)
def test_a_refusal_creates_nothing(api: Api, sandbox: RunningSandbox, fault: str, status: int, code: int) -> None:
    answer = api.try_submit(f"A fox [fault:{fault}]")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert sandbox.stats()["submissions"] == 0


@pytest.mark.parametrize(("fault", "status", "code"), AFTER)
def test_a_prediction_may_exist_behind_an_error(
    api: Api, sandbox: RunningSandbox, fault: str, status: int, code: int
) -> None:
    answer = api.try_submit(f"A fox [fault:{fault}]")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    (prediction,) = sandbox.stats()["predictions"]
    assert api.wait(prediction["id"])["status"] == "completed"


def test_code_5003_comes_without_a_word(api: Api) -> None:
    assert api.try_submit("[fault:5003]").json() == {"code": 5003, "data": None}


def test_a_429_names_its_limit_or_nothing(api: Api) -> None:
    assert "concurrency limit" in api.try_submit("[fault:rate_limited]").json()["message"]
    assert "limit" not in api.try_submit("[fault:plain_429]").json()["message"]


def test_a_429_may_say_when_to_come_back(api: Api) -> None:
    assert api.try_submit("[fault:rate_limited_retry_after=7]").headers["Retry-After"] == "7"
    assert "Retry-After" not in api.try_submit("[fault:rate_limited]").headers


@pytest.mark.parametrize(("fault", "exist"), [("dropped_before", 0), ("dropped", 1)])
def test_the_connection_may_drop_without_an_answer(api: Api, sandbox: RunningSandbox, fault: str, exist: int) -> None:
    with pytest.raises(requests.ConnectionError):
        api.try_submit(f"A fox [fault:{fault}]")
    assert sandbox.stats()["submissions"] == exist


def test_a_dropped_connection_drops_no_other(api: Api, sandbox: RunningSandbox) -> None:
    with requests.Session() as kept_open:
        before = kept_open.get(f"{sandbox.url}/sandbox/stats", timeout=60)
        with pytest.raises(requests.ConnectionError):
            api.try_submit("A fox [fault:dropped]")
        after = kept_open.get(f"{sandbox.url}/sandbox/stats", timeout=60)
    assert (before.json()["submissions"], after.json()["submissions"]) == (0, 1)


def test_an_answer_may_hang_while_the_prediction_runs(api: Api, sandbox: RunningSandbox) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            f"{sandbox.url}/api/v3/{LTX_PRO}",
            json={"prompt": "[fault:hang=600]"},
            headers={"Authorization": "Bearer k"},
            timeout=0.3,
        )
    wait_until(lambda: sandbox.stats()["submissions"] == 1)
    (prediction,) = sandbox.stats()["predictions"]
    assert api.wait(prediction["id"])["status"] == "completed"


def test_an_answer_that_hangs_comes_in_the_end(api: Api) -> None:
    assert api.submit("[fault:hang=0.3]")


def test_an_answer_may_be_unreadable(api: Api, sandbox: RunningSandbox) -> None:
    answer = api.try_submit("[fault:unreadable]")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert sandbox.stats()["submissions"] == 1


def test_an_answer_may_have_no_id(api: Api, sandbox: RunningSandbox) -> None:
    data = api.try_submit("[fault:no_id]").json()["data"]
    assert "id" not in data
    assert data["status"] == "created"
    assert sandbox.stats()["submissions"] == 1


def test_a_counted_refusal_gives_way(api: Api, sandbox: RunningSandbox) -> None:
    answers = [api.try_submit("[fault:rate_limited*2]").status_code for _ in range(3)]
    assert answers == [429, 429, 200]
    assert sandbox.stats()["submissions"] == 1


def test_a_mistyped_fault_is_told(api: Api) -> None:
    answer = api.try_submit("[fault:faild]")
    assert answer.status_code == 400
    assert "faild" in answer.json()["message"]


def test_a_default_fault_hits_prompts_that_ask_for_none(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(faults=["refused"])
    assert api.try_submit("A fox").status_code == 400
    assert api.try_submit("A fox [fault:no_credit]").status_code == 402
    sandbox.set(faults=[])
    assert api.try_submit("A fox").status_code == 200


def test_default_faults_fall_by_chance_and_the_same_way_each_time(api: Api, sandbox: RunningSandbox) -> None:
    def fall() -> list[int]:
        sandbox.set(faults=["refused", "no_credit"], fault_probability=0.5, fault_seed=7)
        return [api.try_submit("A fox").status_code for _ in range(40)]

    first = fall()
    assert set(first) == {200, 400, 402}
    assert fall() == first
