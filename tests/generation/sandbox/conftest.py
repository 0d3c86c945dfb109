"""One sandbox for all tests of a worker, made new before each of them."""

import io
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import pytest
import requests

from tests.sandbox import RunningSandbox, running_sandbox

LTX_PRO = "lightricks/ltx-2-pro/text-to-video"
LTX_FAST = "lightricks/ltx-2-fast/text-to-video"
LTX_IMAGE = "lightricks/ltx-2-pro/image-to-video"
RETAKE = "lightricks/ltx-2-retake"
HUNYUAN = "wavespeed-ai/hunyuan-video-1.5/text-to-video"
HUNYUAN_IMAGE = "wavespeed-ai/hunyuan-video-1.5/image-to-video"

FINAL = {"completed", "failed", "cancelled", "timeout", "deleted"}
_PATIENCE = 120


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + _PATIENCE
    while not happened():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is in a video file; lengths in seconds."""

    width: int
    height: int
    container_seconds: float
    video_seconds: float
    codec: str
    audio: list[tuple[str, int]]


def probe(body: bytes) -> Facts:
    """Look into a video file."""
    with av.open(io.BytesIO(body), "r", format="mp4") as container:
        video = container.streams.video[0]
        assert container.duration is not None
        assert video.duration is not None
        assert video.time_base is not None
        return Facts(
            width=video.width,
            height=video.height,
            container_seconds=container.duration / 1_000_000,
            video_seconds=float(video.duration * video.time_base),
            codec=video.codec_context.name,
            audio=[(audio.codec_context.name, audio.channels) for audio in container.streams.audio],
        )


@dataclass(frozen=True, slots=True)
class Api:
    """A plain client: it hides nothing of the answers."""

    url: str
    key: str = "a-key"

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        """Ask with the key."""
        options.setdefault("headers", {"Authorization": f"Bearer {self.key}"})
        return requests.request(method, f"{self.url}/api/v3{path}", timeout=_PATIENCE, **options)

    def post(self, path: str, body: object) -> Any:
        """Post JSON and return the data of a success."""
        return data_of(self.call("POST", path, json=body))

    def try_submit(self, prompt: str, *, model: str = LTX_PRO, webhook: str | None = None, **inputs: Any) -> Any:
        """Submit and return the whole response."""
        query = {"webhook": webhook} if webhook else {}
        return self.call("POST", f"/{model}", json={"prompt": prompt, **inputs}, params=query)

    def submit(self, prompt: str, **inputs: Any) -> str:
        """Submit and return the id."""
        return str(data_of(self.try_submit(prompt, **inputs))["id"])

    def poll(self, prediction_id: str) -> requests.Response:
        """Ask for a result once."""
        return self.call("GET", f"/predictions/{prediction_id}/result")

    def show(self, prediction_id: str) -> dict[str, Any]:
        """Return a prediction as it stands."""
        data = data_of(self.poll(prediction_id))
        assert isinstance(data, dict)
        return data

    def wait(self, prediction_id: str) -> dict[str, Any]:
        """Return a prediction once it has ended."""
        wait_until(lambda: self.show(prediction_id)["status"] in FINAL)
        return self.show(prediction_id)

    def made(self, prompt: str, **inputs: Any) -> str:
        """Run a job and return the address of its file."""
        done = self.wait(self.submit(prompt, **inputs))
        assert done["status"] == "completed", done
        return str(done["outputs"][0])

    def upload(self, body: bytes, filename: str, content_type: str) -> str:
        """Upload a file and return where it can be fetched."""
        ticket = self.post("/media/uploads", {"filename": filename, "size": len(body), "content_type": content_type})
        put = requests.put(ticket["upload"]["url"], data=body, headers=ticket["upload"]["headers"], timeout=_PATIENCE)
        assert put.status_code == 200, put.text
        return str(ticket["download_url"])


def data_of(response: requests.Response) -> Any:
    """Return what a successful envelope holds."""
    assert response.status_code == 200, response.text
    envelope = response.json()
    assert envelope["code"] == 200, envelope
    assert envelope["message"] == "success"
    return envelope["data"]


def fetch(url: str) -> bytes:
    """Download a whole file."""
    response = requests.get(url, timeout=_PATIENCE)
    assert response.status_code == 200, response.text
    return response.content


@pytest.fixture(scope="session")
def started() -> Iterator[RunningSandbox]:
    """Start a process that the tests share."""
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(started: RunningSandbox) -> RunningSandbox:
    """Return a sandbox in which nothing has happened yet."""
    started.reset()
    return started


@pytest.fixture
def api(sandbox: RunningSandbox) -> Api:
    """Return a client of it."""
    return Api(sandbox.url)
