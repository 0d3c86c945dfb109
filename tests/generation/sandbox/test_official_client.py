"""WaveSpeed's own Python client must not see that this is not WaveSpeed."""

from pathlib import Path

import pytest
import requests
from wavespeed import Client

from tests.generation.sandbox.conftest import LTX_PRO, RETAKE, fetch, probe
from tests.sandbox import RunningSandbox


@pytest.fixture
def client(sandbox: RunningSandbox) -> Client:
    return Client(api_key="a-key", base_url=sandbox.url, retry_interval=0.01, max_connection_retries=5)


def test_it_runs_a_job(client: Client) -> None:
    result = client.run(LTX_PRO, {"prompt": "A fox", "duration": 8}, poll_interval=0.02, timeout=120)
    assert probe(fetch(result["outputs"][0])).video_seconds == pytest.approx(8, abs=0.1)


def test_it_uploads_a_file_and_uses_it(client: Client, tmp_path: Path) -> None:
    first = client.run(LTX_PRO, {"prompt": "A fox"}, poll_interval=0.02, timeout=120)
    path = tmp_path / "fox.mp4"
    path.write_bytes(fetch(first["outputs"][0]))
    video = client.upload(str(path))
    assert fetch(video) == path.read_bytes()
    again = client.run(RETAKE, {"prompt": "Slower", "video": video}, poll_interval=0.02, timeout=120)
    assert probe(fetch(again["outputs"][0])).audio == [("aac", 2)]


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"prompt": "A fox", "duration": 7}, "HTTP 400"),
        ({"prompt": "[fault:no_credit]"}, "HTTP 402"),
        ({"prompt": "[fault:rate_limited]"}, "concurrency limit"),
        ({"prompt": "[fault:no_id]"}, "No request ID"),
        ({"prompt": "[fault:dropped]"}, "did not return a response"),
        ({"prompt": "[fault:failed]"}, "Prediction failed"),
        ({"prompt": "[fault:timeout]"}, "Prediction timeout"),
    ],
)
def test_refusals_are_refusals(client: Client, inputs: dict[str, object], words: str) -> None:
    with pytest.raises(RuntimeError, match=words):
        client.run(LTX_PRO, inputs, poll_interval=0.02, timeout=120)


def test_a_wrong_key_is_refused(client: Client, sandbox: RunningSandbox) -> None:
    sandbox.set(api_key="another")
    with pytest.raises(RuntimeError, match="HTTP 401"):
        client.run(LTX_PRO, {"prompt": "A fox"})


def test_it_survives_a_shaky_provider(client: Client) -> None:
    result = client.run(LTX_PRO, {"prompt": "A fox [fault:503_polling]"}, poll_interval=0.02, timeout=120)
    assert requests.get(result["outputs"][0], timeout=60).status_code == 200
