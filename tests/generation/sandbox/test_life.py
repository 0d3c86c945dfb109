import re
from datetime import UTC, datetime

from generation.sandbox.predictions import stamp
from tests.generation.sandbox.conftest import HUNYUAN, LTX_PRO, Api, data_of, fetch, wait_until
from tests.sandbox import RunningSandbox


def test_submitting_creates_a_prediction(api: Api, sandbox: RunningSandbox) -> None:
    data = data_of(api.try_submit("A fox in the snow"))
    assert re.fullmatch(r"[0-9a-f]{32}", data["id"])
    assert data["model"] == LTX_PRO
    assert data["status"] == "created"
    assert data["outputs"] == []
    assert data["urls"]["get"] == f"{sandbox.url}/api/v3/predictions/{data['id']}/result"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", data["created_at"])
    assert abs((datetime.now(UTC) - datetime.fromisoformat(data["created_at"])).total_seconds()) < 60


def test_a_prediction_is_created_then_processing_then_completed(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600)
    prediction_id = api.submit("A fox")
    first = api.show(prediction_id)
    assert (first["status"], first["outputs"], first["has_nsfw_contents"]) == ("created", [], None)
    sandbox.finish(prediction_id)
    done = api.wait(prediction_id)
    assert done["status"] == "completed"
    assert done["error"] == ""
    assert done["has_nsfw_contents"] == [False]
    assert done["executionTime"] == done["timings"]["inference"]
    assert len(done["outputs"]) == 1
    assert sandbox.stats()["running"] == 0


def test_processing_is_seen_on_the_way(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=1)
    prediction_id = api.submit("A fox")
    sandbox.set(seconds=3600)
    wait_until(lambda: api.show(prediction_id)["status"] == "processing")
    assert api.wait(prediction_id)["status"] == "completed"


def test_a_prediction_takes_its_seconds(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=0.6)
    assert api.wait(api.submit("A fox"))["executionTime"] >= 590


def test_both_addresses_of_a_result_answer_alike(api: Api) -> None:
    prediction_id = api.submit("A fox")
    api.wait(prediction_id)
    assert data_of(api.call("GET", f"/predictions/{prediction_id}")) == api.show(prediction_id)


def test_what_shows_the_same_is_rendered_once(api: Api) -> None:
    first, second = api.made("A fox"), api.made("A fox")
    assert first != second
    assert first.partition("?")[0] == second.partition("?")[0]
    assert fetch(first) == fetch(second)


def test_two_models_make_different_files(api: Api) -> None:
    assert fetch(api.made("A fox")) != fetch(api.made("A fox", model=HUNYUAN))


def test_many_predictions_run_at_a_time(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600)
    ids = [api.submit(f"Fox number {n}") for n in range(30)]
    assert sandbox.stats()["most_running"] == 30
    assert sandbox.finish() == 30
    assert {api.wait(each)["status"] for each in ids} == {"completed"}


def test_moments_carry_nanoseconds() -> None:
    assert stamp(1_700_000_000_000_000_007) == "2023-11-14T22:13:20.000000007Z"
