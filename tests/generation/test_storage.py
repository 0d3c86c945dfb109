"""Downloads that are cut, endless, slow, huge or no video, from a real server."""

import uuid

import pytest
import requests

from generation import storage
from generation.providers.wavespeed import WaveSpeed

MODEL = "lightricks/ltx-2-pro/text-to-video"


def output(sandbox, fault: str) -> str:
    """Return the address of a finished output."""
    provider = WaveSpeed(url=sandbox.url, key="key")
    prediction = provider.submit(MODEL, {"prompt": f"A red fox [fault:{fault}]" if fault else "A red fox"})
    sandbox.finish(prediction.id)
    while not (prediction := provider.result(prediction.id)).is_completed:
        pass
    return prediction.outputs[0]


@pytest.fixture
def keep(settings, tmp_path, sandbox):
    settings.DATA_DIR = tmp_path
    return lambda fault: storage.keep(uuid.UUID(int=7), output(sandbox, fault))


def files(tmp_path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())


def test_a_video_is_kept_under_the_name_of_its_job(keep, tmp_path):
    stored = keep("")

    assert files(tmp_path) == [f"media/posters/{uuid.UUID(int=7)}.jpg", f"media/videos/{uuid.UUID(int=7)}.mp4"]
    assert stored.facts.duration == pytest.approx(6, abs=0.1)
    assert stored.facts.has_audio


def test_fetched_again_it_takes_the_same_names(keep, tmp_path):
    assert keep("").video == keep("").video
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("cut_always", storage.Interrupted),
        ("503_output*9", storage.Interrupted),
        ("gone", storage.OutputGone),
        ("html", storage.NotAVideo),
        ("garbage", storage.NotAVideo),
        ("empty", storage.NotAVideo),
    ],
)
def test_what_is_no_whole_video_leaves_nothing_behind(keep, tmp_path, fault, error):
    with pytest.raises(error):
        keep(fault)

    assert files(tmp_path) == []


def test_an_endless_output_is_ended_at_the_size_limit(keep, tmp_path, settings):
    settings.DOWNLOAD_SIZE_LIMIT = 3_000_000
    with pytest.raises(storage.NotAVideo, match="larger than 3000000 bytes"):
        keep("endless")

    assert files(tmp_path) == []


def test_a_slow_drip_is_ended_at_the_time_limit(keep, tmp_path, settings):
    settings.DOWNLOAD_TIME_LIMIT = 0.5
    with pytest.raises(storage.Interrupted):
        keep("slow_drip=60")

    assert files(tmp_path) == []


@pytest.mark.parametrize("sandbox_mode", [True, False])
@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x.mp4", "http://example.org/x.mp4", "file:///etc/passwd"])
def test_only_https_is_fetched_beside_the_sandbox_s_own_origin(settings, url, sandbox_mode):
    settings.SANDBOX = sandbox_mode
    settings.WAVESPEED_URL = "http://127.0.0.1:8765"
    with pytest.raises(storage.NotAVideo, match="not https"):
        storage.keep(uuid.uuid4(), url)


def test_the_provider_s_key_is_not_sent_to_an_output(keep, sandbox):
    keep("")

    stats = requests.get(f"{sandbox.url}/sandbox/stats", timeout=10).json()
    assert stats["leaked_keys"] == 0
