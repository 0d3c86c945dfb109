import pytest
import requests

from tests.generation.sandbox.conftest import Api, data_of, fetch, probe
from tests.sandbox import RunningSandbox


def test_a_prediction_may_fail(api: Api) -> None:
    poll = api.poll(api.submit("A fox [fault:failed]"))
    assert poll.status_code == 200
    failed = api.wait(data_of(poll)["id"])
    assert (failed["status"], failed["code"], failed["outputs"]) == ("failed", 1403, [])
    assert failed["error"]


def test_a_prediction_may_fail_with_a_chosen_code(api: Api) -> None:
    assert api.wait(api.submit("[fault:failed=5004]"))["code"] == 5004


def test_a_prediction_may_be_moderated(api: Api) -> None:
    moderated = api.wait(api.submit("[fault:moderated]"))
    assert (moderated["status"], moderated["code"], moderated["has_nsfw_contents"]) == ("failed", 1200, [True])


@pytest.mark.parametrize("status", ["timeout", "cancelled", "deleted"])
def test_a_prediction_may_end_otherwise(api: Api, sandbox: RunningSandbox, status: str) -> None:
    ended = api.wait(api.submit(f"[fault:{status}]"))
    assert (ended["status"], ended["outputs"]) == (status, [])
    assert sandbox.stats()["balance"] == 10_000


def test_a_prediction_may_take_ten_times_as_long(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=0.05)
    assert api.wait(api.submit("[fault:slow]"))["executionTime"] >= 490


def test_a_prediction_may_take_a_chosen_time(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600)
    assert api.wait(api.submit("[fault:slow=0.3]"))["executionTime"] >= 290


def test_a_prediction_may_complete_without_outputs(api: Api) -> None:
    done = api.wait(api.submit("[fault:no_outputs]"))
    assert (done["status"], done["outputs"]) == ("completed", [])


def test_an_output_may_be_an_object(api: Api) -> None:
    (output,) = api.wait(api.submit("[fault:output_object]"))["outputs"]
    assert probe(fetch(output["url"])).codec == "h264"


@pytest.mark.parametrize(
    ("fault", "status", "code"), [("503_polling", 503, 503), ("429_polling", 429, 429), ("5003_polling", 200, 5003)]
)
def test_the_first_polls_may_be_refused(api: Api, fault: str, status: int, code: int) -> None:
    prediction_id = api.submit(f"[fault:{fault}*2]")
    answers = [api.poll(prediction_id) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    assert [answer.json()["code"] for answer in answers] == [code, code, 200]


def test_three_polls_are_refused_unless_told_otherwise(api: Api) -> None:
    prediction_id = api.submit("[fault:503_polling]")
    assert [api.poll(prediction_id).status_code for _ in range(4)] == [503, 503, 503, 200]


def test_a_poll_may_be_told_when_to_come_back(api: Api) -> None:
    assert api.poll(api.submit("[fault:429_polling=9]")).headers["Retry-After"] == "9"


def test_a_poll_may_be_dropped(api: Api) -> None:
    prediction_id = api.submit("[fault:dropped_polling*1]")
    with pytest.raises(requests.ConnectionError):
        api.poll(prediction_id)
    assert api.wait(prediction_id)["status"] == "completed"


def test_a_poll_may_be_unreadable(api: Api) -> None:
    prediction_id = api.submit("[fault:unreadable_polling*1]")
    with pytest.raises(requests.JSONDecodeError):
        api.poll(prediction_id).json()
    assert api.wait(prediction_id)["status"] == "completed"


def test_a_prediction_may_be_forgotten(api: Api, sandbox: RunningSandbox) -> None:
    prediction_id = api.submit("[fault:404_polling]")
    assert [api.poll(prediction_id).status_code for _ in range(2)] == [404, 404]
    assert sandbox.stats()["submissions"] == 1


def test_a_status_may_be_unknown_for_some_polls(api: Api) -> None:
    prediction_id = api.submit("[fault:unknown_status*2]")
    assert [api.show(prediction_id)["status"] for _ in range(2)] == ["pondering", "pondering"]
    assert api.wait(prediction_id)["status"] == "completed"


def test_a_status_may_be_unknown_for_ever(api: Api, sandbox: RunningSandbox) -> None:
    prediction_id = api.submit("[fault:unknown_status]")
    sandbox.finish()
    assert {api.show(prediction_id)["status"] for _ in range(20)} == {"pondering"}
