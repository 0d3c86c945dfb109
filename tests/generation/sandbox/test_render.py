import io
import os
from pathlib import Path
from typing import Any

import av
import pytest
import requests
from PIL import Image

from generation.sandbox.render import Renderer, render
from generation.sandbox.scene import Scene, hue_of, shared, tiny
from tests.generation.sandbox.conftest import HUNYUAN, HUNYUAN_IMAGE, LTX_FAST, LTX_PRO, RETAKE, Api, fetch, probe
from tests.sandbox import RunningSandbox, running_sandbox

WISHES: list[tuple[dict[str, Any], float, list[tuple[str, int]]]] = [
    ({"model": LTX_PRO}, 6, [("aac", 2)]),
    ({"model": LTX_PRO, "duration": 10, "generate_audio": False}, 10, []),
    ({"model": LTX_FAST, "duration": 20}, 20, [("aac", 2)]),
    ({"model": HUNYUAN}, 5, []),
    ({"model": HUNYUAN, "duration": 8}, 8, []),
]


def make_scene(prompt: str = "A fox", **changes: Any) -> Scene:
    wished: dict[str, Any] = {"width": 320, "height": 180, "duration": 2.0, "sound": False, **changes}
    return Scene(model=LTX_PRO, prompt=prompt, hue=hue_of(prompt), **wished)


def pictures(path: Path) -> list[bytes]:
    with av.open(str(path), "r") as container:
        frames = container.decode(video=0)
        return [frame.to_image().tobytes() for frame in frames]  # type: ignore[no-untyped-call]


@pytest.mark.parametrize(("inputs", "seconds", "audio"), WISHES)
def test_a_file_is_as_long_and_as_loud_as_wished(
    api: Api, inputs: dict[str, Any], seconds: float, audio: list[tuple[str, int]]
) -> None:
    facts = probe(fetch(api.made("A fox", **inputs)))
    assert facts.codec == "h264"
    assert facts.audio == audio
    assert facts.container_seconds == pytest.approx(seconds, abs=0.1)
    assert facts.video_seconds == pytest.approx(seconds, abs=0.1)
    assert (facts.width, facts.height) == (160, 90)


def test_a_real_file_is_full_hd() -> None:
    with running_sandbox(tiny=False) as sandbox:
        facts = probe(fetch(Api(sandbox.url).made("A lighthouse keeper climbs the stairs at dusk", duration=6)))
    assert (facts.width, facts.height, facts.audio) == (1920, 1080, [("aac", 2)])
    assert facts.container_seconds == pytest.approx(6, abs=0.1)
    assert facts.video_seconds == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("size", ["832*480", "480*832", "1280*720", "720*1280"])
def test_hunyuan_makes_the_size_that_is_wished(sandbox: RunningSandbox, size: str) -> None:
    sandbox.set(tiny=False, plain=True)
    facts = probe(fetch(Api(sandbox.url).made("A fox", model=HUNYUAN, size=size)))
    assert f"{facts.width}*{facts.height}" == size
    assert facts.video_seconds == pytest.approx(5, abs=0.1)


def test_an_image_is_animated_as_upright_as_it_is(sandbox: RunningSandbox) -> None:
    sandbox.set(tiny=False)
    api = Api(sandbox.url)
    upright = io.BytesIO()
    Image.new("RGB", (90, 160), (200, 40, 40)).save(upright, "PNG")
    image = api.upload(upright.getvalue(), "a picture.png", "image/png")
    facts = probe(fetch(api.made("It comes alive", model=HUNYUAN_IMAGE, image=image, resolution="480p")))
    assert (facts.width, facts.height) == (480, 832)


def test_a_retake_is_as_long_as_its_source(api: Api) -> None:
    source = api.upload(fetch(api.made("A fox", duration=8, generate_audio=False)), "fox.mp4", "video/mp4")
    silent = probe(fetch(api.made("Slower", model=RETAKE, video=source, mode="replace_video")))
    assert silent.video_seconds == pytest.approx(8, abs=0.1)
    assert silent.audio == []
    assert probe(fetch(api.made("Louder", model=RETAKE, video=source, mode="replace_audio"))).audio == [("aac", 2)]


@pytest.mark.parametrize("video", ["http://127.0.0.1:9/a.mp4", "https://example.com/a.mp4", "{url}/uploads/none/a.mp4"])
def test_media_that_cannot_be_fetched_fails_the_prediction(api: Api, video: str) -> None:
    failed = api.wait(api.submit("Again", model=RETAKE, video=video.format(url=api.url)))
    assert (failed["status"], failed["code"]) == ("failed", 1402)


def test_media_that_is_no_video_fails_the_prediction(api: Api) -> None:
    text = api.upload(b"#EXTM3U\nhttp://127.0.0.1:9/x.ts\n", "a.mp4", "video/mp4")
    assert api.wait(api.submit("Again", model=RETAKE, video=text))["code"] == 1402
    assert api.wait(api.submit("Alive", model=HUNYUAN_IMAGE, image=text))["code"] == 1402


def test_outputs_need_no_key_but_their_whole_address(api: Api, sandbox: RunningSandbox) -> None:
    url = api.made("A fox")
    whole = requests.get(url, timeout=60)
    assert whole.headers["Content-Type"] == "video/mp4"
    assert whole.headers["Content-Length"] == str(len(whole.content))
    part = requests.get(url, headers={"Range": "bytes=10-19"}, timeout=60)
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert requests.get(url.partition("?")[0], timeout=60).status_code == 403
    assert requests.get(f"{url}0", timeout=60).status_code == 403
    assert requests.get(f"{url}é", timeout=60).status_code == 403
    assert sandbox.stats()["leaked_keys"] == 0
    assert requests.get(url, headers={"Authorization": "Bearer a-key"}, timeout=60).status_code == 400
    assert sandbox.stats()["leaked_keys"] == 1


def test_rendered_files_outlive_a_restart(tmp_path: Path) -> None:
    with running_sandbox(files=tmp_path) as first:
        url = Api(first.url).made("A fox")
        before = fetch(url)
    rendered = {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs").iterdir()}
    with running_sandbox(files=tmp_path) as second:
        assert fetch(url.replace(first.url, second.url)) == before
        Api(second.url).made("A fox")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "outputs").iterdir()} == rendered


def test_the_picture_changes_twice_a_second(tmp_path: Path) -> None:
    seen = pictures(render(make_scene(duration=2.0), tmp_path / "a.mp4"))
    assert len(seen) == 48
    changes = [number for number in range(1, 48) if seen[number] != seen[number - 1]]
    # The encoder may still polish a picture right after a change, but never changes it elsewhere by much.
    assert {12, 24, 36} <= set(changes)


def test_the_prompt_shows_in_the_picture(tmp_path: Path) -> None:
    fox = pictures(render(make_scene("A fox"), tmp_path / "fox.mp4"))
    none = pictures(render(make_scene(""), tmp_path / "none.mp4"))
    assert fox[0] != none[0]


@pytest.mark.parametrize(
    "prompt",
    ["x" * 5000, "word " * 1000, "\ud800 half a pair", "\x00\x1b[31m", "日本語 🦊 עברית", " ", "a\n\nb"],
    ids=["one long word", "many words", "surrogate", "control", "scripts", "blank", "lines"],
)
def test_any_prompt_can_be_drawn(tmp_path: Path, prompt: str) -> None:
    scene = make_scene(prompt, duration=0.5)
    assert probe(render(scene, tmp_path / f"{scene.key}.mp4").read_bytes()).width == 320


@pytest.mark.parametrize("seconds", [0.4, 1.0, 5.2, 6.04])
def test_odd_lengths_are_met(tmp_path: Path, seconds: float) -> None:
    facts = probe(render(tiny(make_scene(duration=seconds, sound=True)), tmp_path / "a.mp4").read_bytes())
    assert facts.video_seconds == pytest.approx(seconds, abs=0.1)
    assert facts.container_seconds == pytest.approx(seconds, abs=0.1)


def test_a_rendering_that_breaks_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises((av.FFmpegError, ValueError)):
        render(make_scene(width=321, height=180), tmp_path / "a.mp4")
    assert list(tmp_path.iterdir()) == []


def test_scenes_that_look_alike_share_a_key() -> None:
    assert make_scene("A fox").key == make_scene("A fox").key
    assert make_scene("A fox").key != make_scene("A cat").key
    assert make_scene(sound=True).key != make_scene(sound=False).key
    assert len({shared(make_scene(f"Prompt {n}")).key for n in range(200)}) == 6


def test_old_files_are_removed_at_the_start(tmp_path: Path) -> None:
    old, fresh = tmp_path / "old.mp4", tmp_path / "fresh.mp4"
    for path in (old, fresh):
        path.write_bytes(b"x")
    os.utime(old, (0, 0))
    Renderer(tmp_path).close()
    assert [path.name for path in tmp_path.iterdir()] == ["fresh.mp4"]
