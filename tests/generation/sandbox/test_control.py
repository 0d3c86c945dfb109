from typing import Any

import pytest
import requests

from tests.generation.sandbox.conftest import LTX_PRO, Api
from tests.sandbox import RunningSandbox


def test_stats_count_what_happened(api: Api, sandbox: RunningSandbox) -> None:
    prediction_id = api.submit("A fox")
    api.try_submit("A fox", duration=7)
    api.wait(prediction_id)
    stats = sandbox.stats()
    assert stats["submissions"] == 1
    assert stats["requests"]["POST /api/v3/{model_id:path}"] == 2
    (prediction,) = stats["predictions"]
    assert (prediction["id"], prediction["model"], prediction["prompt"]) == (prediction_id, LTX_PRO, "A fox")
    assert prediction["status"] == "completed"
    assert prediction["polls"] == stats["requests"]["GET /api/v3/predictions/{prediction_id}/result"]


@pytest.mark.parametrize(
    "changes", [{"port": 1}, {"seconds": "long"}, {"faults": ["nonsense"]}, {"faults": "failed"}, {"tiny": 1}]
)
def test_options_that_make_no_sense_change_nothing(api: Api, sandbox: RunningSandbox, changes: dict[str, Any]) -> None:
    answer = requests.post(f"{sandbox.url}/sandbox/options", json={**changes, "balance": 1}, timeout=60)
    assert answer.status_code == 400
    assert sandbox.stats()["balance"] == 10_000
    assert api.wait(api.submit("A fox"))["status"] == "completed"


def test_finish_ends_only_those_named(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600)
    first, second = api.submit("A fox"), api.submit("A cat")
    assert sandbox.finish(first) == 1
    assert api.wait(first)["status"] == "completed"
    assert api.show(second)["status"] == "created"


def test_reset_goes_back_to_the_start(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(seconds=3600, balance=5, concurrent=1, faults=["failed"])
    api.try_submit("A fox [fault:rate_limited*1]")
    running = api.submit("A fox [fault:rate_limited*1]")
    sandbox.reset()
    assert api.poll(running).status_code == 404
    assert api.try_submit("A fox [fault:rate_limited*1]").status_code == 429
    stats = sandbox.stats()
    assert (stats["submissions"], stats["running"], stats["most_running"], stats["balance"]) == (0, 0, 0, 10_000)
    assert api.wait(api.submit("A fox"))["status"] == "completed"
