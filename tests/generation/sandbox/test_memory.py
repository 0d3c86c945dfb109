import io
import json
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.generation.sandbox.conftest import LTX_IMAGE, Api, fetch, probe
from tests.sandbox import running_sandbox


def port_of(url: str) -> int:
    """Return the port, so that addresses given out before a restart stay good."""
    port = urlsplit(url).port
    assert port is not None
    return port


def picture() -> bytes:
    body = io.BytesIO()
    Image.new("RGB", (64, 36), "teal").save(body, "PNG")
    return body.getvalue()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_prediction_goes_on_after_a_restart(tmp_path: Path, sent: signal.Signals) -> None:
    with running_sandbox(files=tmp_path, plain=True, seconds=3600) as first:
        api = Api(first.url)
        prediction_id = api.submit("A fox")
        created = api.show(prediction_id)
        first.process.send_signal(sent)
        first.process.wait()
    with running_sandbox(files=tmp_path, plain=True, seconds=3600, port=port_of(first.url)) as second:
        assert api.show(prediction_id) == created
        assert second.stats()["running"] == 1
        assert [item["id"] for item in api.post("/predictions", {})["items"]] == [prediction_id]
        assert second.finish(prediction_id) == 1
        done = api.wait(prediction_id)
        assert done["status"] == "completed"
        assert probe(fetch(done["outputs"][0])).video_seconds == 6
        (bill,) = api.post("/billings/search", {})["items"]
        assert (bill["prediction"]["uuid"], bill["price"]) == (prediction_id, 0.36)
    with running_sandbox(files=tmp_path, plain=True, port=port_of(first.url)):
        assert api.show(prediction_id) == done
        assert fetch(done["outputs"][0])
        assert len(api.post("/billings/search", {})["items"]) == 1


def test_time_goes_on_while_the_sandbox_is_down(tmp_path: Path) -> None:
    with running_sandbox(files=tmp_path, plain=True, seconds=1) as first:
        api = Api(first.url)
        picture_url = api.upload(picture(), "teal.png", "image/png")
        prediction_id = api.submit("A fox", model=LTX_IMAGE, image=picture_url)
    with running_sandbox(files=tmp_path, plain=True, seconds=3600, port=port_of(first.url)):
        assert api.wait(prediction_id)["status"] == "completed"
        assert fetch(picture_url) == picture()


def test_faults_and_deletions_outlive_a_restart(tmp_path: Path) -> None:
    with running_sandbox(files=tmp_path, plain=True, seconds=3600) as first:
        api = Api(first.url)
        failing, deleted = api.submit("A fox [fault:failed=1234]"), api.submit("A cat [fault:failed]")
        api.post("/predictions/delete", {"ids": [deleted]})
    with running_sandbox(files=tmp_path, plain=True, port=port_of(first.url)) as second:
        assert [item["id"] for item in api.post("/predictions", {})["items"]] == [failing]
        assert api.show(deleted)["status"] == "deleted"
        second.finish(failing)
        assert api.wait(failing)["code"] == 1234


def test_a_reset_forgets_for_good(tmp_path: Path) -> None:
    with running_sandbox(files=tmp_path, plain=True, seconds=3600) as first:
        Api(first.url).submit("A fox")
        first.reset()
    with running_sandbox(files=tmp_path, plain=True) as second:
        assert second.stats()["submissions"] == 0


def test_a_tiny_sandbox_remembers_nothing(tmp_path: Path) -> None:
    with running_sandbox(files=tmp_path, seconds=3600) as first:
        Api(first.url).submit("A fox")
    assert not (tmp_path / "memory.json").exists()


@pytest.mark.parametrize(
    "content",
    [
        '{"version": 1, "predic',
        "[]",
        json.dumps({"version": 0, "predictions": [], "uploads": []}),
        json.dumps({"version": 1, "predictions": [{"created": 9e18}], "uploads": []}),
    ],
)
def test_a_file_that_cannot_be_read_is_ignored(tmp_path: Path, content: str, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "memory.json").write_text(content)
    with running_sandbox(files=tmp_path, plain=True, seconds=3600) as sandbox:
        assert sandbox.stats()["submissions"] == 0
        assert Api(sandbox.url).try_submit("A fox").status_code == 200
    assert "memory.json is ignored" in capfd.readouterr().err
