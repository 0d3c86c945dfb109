"""What arrives: cut, endless, slow, huge, encoded, or not what it says."""

import io
import time
import uuid
from contextlib import contextmanager

import av
import pytest

from generation import storage
from tests.generation.providers import loopback
from tests.generation.providers.loopback import PATIENCE, Loopback
from tests.generation.storage.servers import delivers, delivers_padded, sends
from tests.media import padding


@pytest.fixture
def keep(settings):
    """Keeps what a server sends that counts as the sandbox."""

    def keep(behaviour):
        with Loopback(behaviour) as server:
            settings.SANDBOX, settings.WAVESPEED_URL = True, server.url
            return storage.keep(uuid.UUID(int=7), f"{server.url}/v")

    return keep


@pytest.fixture(scope="module")
def index_first(video, tmp_path_factory):
    """Is the same video with its index before its pictures, as for streaming."""
    path = tmp_path_factory.mktemp("faststart") / "video.mp4"  # FFmpeg opens it again to move the index
    with (
        av.open(io.BytesIO(video)) as source,
        av.open(str(path), "w", options={"movflags": "faststart"}) as target,
    ):
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return path.read_bytes()


@contextmanager
def within(seconds):
    start = time.monotonic()
    yield
    assert time.monotonic() - start < seconds


def chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)


CHUNKED = "Transfer-Encoding: chunked"


def test_a_whole_video_is_kept_with_or_without_a_length(keep, video):
    half = len(video) // 2
    for behaviour in (
        delivers(video),
        sends(200, video),
        sends(200, chunked(video[:half], video[half:], b""), CHUNKED),
        sends(200, video, f"Content-Length: {len(video)}", "Content-Encoding: identity"),
    ):
        assert keep(behaviour).size_bytes == len(video)


def test_what_is_cut_may_be_tried_again(keep, video, index_first):
    for whole in (video, index_first):
        half = whole[: len(whole) // 2]
        for behaviour in (
            sends(200, half, f"Content-Length: {len(whole)}"),
            sends(200, b"", f"Content-Length: {len(whole)}"),
            sends(200, chunked(half), CHUNKED),
            sends(200, chunked(half)[:-100], CHUNKED),
            sends(200, b"", CHUNKED),
        ):
            with pytest.raises(storage.Interrupted):
                keep(behaviour)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_what_is_cut_and_nobody_says_so_is_no_video(keep, video, index_first, share):
    for whole in (video, index_first):
        part = whole[: int(len(whole) * share)]
        for behaviour in (sends(200, part), delivers(part), sends(200, whole, f"Content-Length: {len(part)}")):
            with pytest.raises(storage.NotAVideo):
                keep(behaviour)


def test_what_stands_behind_a_whole_video_is_no_harm(keep, index_first):
    for more in (b"\0", bytes(7), bytes(100), b"\xff" * 100, padding(1 << 30), padding(0)):
        assert keep(delivers(index_first + more)).facts.duration == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    "body", [b"", b"\0", b"<!doctype html><title>Not yet</title>", bytes(range(256)) * 400, b"\0\0\0\x01mdat", b"{}"]
)
def test_what_is_something_else_is_no_video(keep, body):
    with pytest.raises(storage.NotAVideo):
        keep(delivers(body))


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate", "GZIP, identity"])
def test_what_comes_encoded_is_refused(keep, video, encoding):
    with pytest.raises(storage.NotAVideo, match="encoded"):
        keep(sends(200, video, f"Content-Length: {len(video)}", f"Content-Encoding: {encoding}"))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        *((status, storage.OutputGone) for status in (403, 404, 410)),
        *((status, storage.Interrupted) for status in (201, 204, 206, 300, 304, 400, 401, 408, 429, 500, 503)),
    ],
)
def test_a_status_says_whether_it_may_be_tried_again(keep, video, status, error):
    with pytest.raises(error, match=str(status)):
        keep(sends(status, video, f"Content-Length: {len(video)}"))


@pytest.mark.parametrize("size", [3_000_001, 10**12, 10**40])
def test_what_says_that_it_is_too_large_is_not_read(keep, settings, size):
    settings.DOWNLOAD_SIZE_LIMIT = 3_000_000
    with within(PATIENCE / 2), pytest.raises(storage.NotAVideo, match="larger than 3000000 bytes"):
        keep(sends(200, b"", f"Content-Length: {size}"))


def test_what_fills_the_limit_is_kept(keep, settings, video):
    settings.DOWNLOAD_SIZE_LIMIT = 3_000_000
    assert keep(delivers_padded(video, 3_000_000)).size_bytes == 3_000_000


def test_what_never_ends_is_ended_at_the_limit(keep, settings):
    settings.DOWNLOAD_SIZE_LIMIT = 3_000_000
    with pytest.raises(storage.NotAVideo, match="larger than 3000000 bytes"):
        keep(loopback.floods)


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(loopback.says_nothing, id="says nothing"),
        pytest.param(loopback.drips(b"HTTP/1.1 200"), id="drips the status line"),
        pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
        pytest.param(loopback.drips(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1"), id="continues and drips"),
        pytest.param(loopback.drips(loopback.head(200, 10**6)), id="drips the body"),
        pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\n\r\n"), id="drips without a length"),
        pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\n" + CHUNKED.encode() + b"\r\n\r\n"), id="drips a chunk"),
    ],
)
def test_however_it_dawdles_it_is_ended_at_the_time_limit(keep, settings, behaviour):
    settings.DOWNLOAD_TIME_LIMIT = 0.3
    with within(PATIENCE / 2), pytest.raises(storage.Interrupted, match=r"longer than 0\.3 s"):
        keep(behaviour)


@pytest.mark.parametrize(
    "head",
    ["Content-Length: 5, 6", "Content-Length: -1", "Content-Length: x", "Transfer-Encoding: chunked", "X" * 70_000],
)
def test_a_head_that_makes_no_sense_never_brings_a_video(keep, head):
    with pytest.raises((storage.Interrupted, storage.NotAVideo)):
        keep(sends(200, b"no chunk", head))
