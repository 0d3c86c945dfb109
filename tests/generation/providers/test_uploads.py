"""Files to WaveSpeed: to the sandbox as it is, and to servers that behave badly."""

from __future__ import annotations

import io
import json
import logging
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from generation.providers.errors import ProviderError, RefusedForAccount, RefusedForJob, Unavailable
from generation.providers.wavespeed import WaveSpeed
from tests.generation.providers import loopback
from tests.generation.providers.cases import envelope, failed, refusal
from tests.generation.providers.conftest import KEY
from tests.generation.providers.loopback import PATIENCE, Behaviour, Loopback
from tests.generation.providers.test_connections import bounded_by, free_port
from tests.sandbox import RunningSandbox

BYTES = bytes(range(256)) * 1000  # several pieces, and not a whole number of them
SECRET = "signature-of-the-address"


def upload(url: str, file: Any = None, *, size: int = len(BYTES), time_limit: float = PATIENCE, **times: float) -> str:
    client = WaveSpeed(url=url, key=KEY, **{"connect_timeout": 2, "read_timeout": 0.5, **times})
    wish = {"filename": "fox.mp4", "size": size, "content_type": "video/mp4", "time_limit": time_limit}
    return client.upload(file or io.BytesIO(BYTES), **wish)


def ticket(put_url: str, **changes: object) -> dict[str, object]:
    told = {"method": "PUT", "url": put_url, "headers": {"Content-Type": "video/mp4", "x-amz-acl": "private"}}
    return {
        "type": "video",
        "download_url": "https://cdn.example/fox.mp4",
        "filename": "fox.mp4",
        "size": len(BYTES),
        "upload": {**told, **changes},
    }


@contextmanager
def provider(put_url: str = "", store: Behaviour | None = None, **changes: object) -> Iterator[Loopback]:
    """A server that gives tickets to itself, or to `put_url`, and does `store` with what is put there."""

    def behave(server: Loopback, connection: socket.socket) -> None:
        if server.requests[-1].method == "PUT":
            (store or loopback.answers(200, ""))(server, connection)
        else:
            told = ticket(put_url or f"{server.url}/files/1?signature={SECRET}", **changes)
            loopback.answers(200, envelope(told))(server, connection)

    with Loopback(behave) as server:
        yield server


# As it should be.


def test_what_arrives_is_the_file(sandbox: RunningSandbox) -> None:
    address = upload(sandbox.url)
    answer = requests.get(address, timeout=PATIENCE)
    assert (answer.content, answer.headers["Content-Type"]) == (BYTES, "video/mp4")
    assert sandbox.stats()["leaked_keys"] == 0


def test_the_put_carries_exactly_the_headers_of_the_ticket() -> None:
    with provider() as server:
        assert upload(server.url) == "https://cdn.example/fox.mp4"
    asked, put = server.requests
    assert (asked.method, asked.path) == ("POST", "/api/v3/media/uploads")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert json.loads(asked.body) == {"filename": "fox.mp4", "size": len(BYTES), "content_type": "video/mp4"}
    assert (put.method, put.path, put.body) == ("PUT", f"/files/1?signature={SECRET}", BYTES)
    assert put.headers == {
        "host": f"127.0.0.1:{server.port}",
        "connection": "close",
        "content-length": str(len(BYTES)),
        "content-type": "video/mp4",
        "x-amz-acl": "private",
    }


def test_headers_that_libraries_add_are_those_of_the_ticket_where_it_names_them() -> None:
    with provider(headers={"user-agent": "mine", "Accept-Encoding": "x", "Content-Length": str(len(BYTES))}) as server:
        upload(server.url)
    put = server.requests[1]
    assert set(put.headers) == {"host", "connection", "content-length", "user-agent", "accept-encoding"}
    assert (put.headers["user-agent"], put.headers["accept-encoding"]) == ("mine", "x")


def test_a_file_is_sent_from_its_start_and_may_be_sent_again() -> None:
    file = io.BytesIO(BYTES)
    file.read(100)
    with provider() as server:
        upload(server.url, file)
        upload(server.url, file)
    assert [request.body for request in server.requests if request.method == "PUT"] == [BYTES, BYTES]


def test_the_environment_neither_adds_a_password_nor_sees_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login thief password thief\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with Loopback(loopback.answers(502, "")) as proxy, provider() as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        upload(server.url)
    assert proxy.connections == 0
    assert "authorization" not in server.requests[1].headers


PEAK = r"""
import re, sys
from generation.providers.wavespeed import WaveSpeed
client = WaveSpeed(url=sys.argv[1], key="a-key")
with open(sys.argv[2], "rb") as file:
    size = file.seek(0, 2)
    client.upload(file, filename="fox.mp4", size=size, content_type="video/mp4")
# ru_maxrss would begin with the peak of the process that forked.
print(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
"""


def peak(sandbox: RunningSandbox, folder: Path, mebibytes: int) -> int:
    """Return the most KiB that a process has taken to upload a file of that size."""
    path = folder / "fox.mp4"
    with path.open("wb") as file:
        file.truncate(mebibytes << 20)
    ended = subprocess.run(
        [sys.executable, "-c", PEAK, sandbox.url, str(path)], capture_output=True, text=True, check=True
    )
    return int(ended.stdout)


def test_199_mb_take_no_more_memory_than_one(sandbox: RunningSandbox, tmp_path: Path) -> None:
    small = peak(sandbox, tmp_path, 1)
    assert peak(sandbox, tmp_path, 199) - small < 30 << 10
    assert sandbox.stats()["requests"]["PUT /uploads/{upload_id}"] == 2


# Where files may go.


@pytest.mark.parametrize(
    "url",
    [
        "http://storage.example/1",
        "http://127.0.0.1:1/1",
        "http://127.0.0.1/1",
        "ftp://storage.example/1",
        "//storage.example/1",
        "/1",
        "",
        "https://",
        "https://storage.example:0/1",
        "https://storage.example:x/1",
        "https://[1/1",
        "https://name:password@storage.example/1",
        "https://storage.example\\@elsewhere.example/1",
        "https://storage.example/1 2",
        "https://störage.example/1",
    ],
)
def test_a_file_goes_nowhere_but_by_https_or_to_our_provider(url: str) -> None:
    with provider(put_url=url or "?") as server, pytest.raises(Unavailable, match="no address of https"):
        upload(server.url)
    assert [request.method for request in server.requests] == ["POST"]


def test_a_foreign_http_host_gets_no_connection() -> None:
    with (
        Loopback(loopback.answers(200, "")) as thief,
        provider(put_url=f"{thief.url}/1") as server,
        pytest.raises(Unavailable),
    ):
        upload(server.url)
    assert thief.connections == 0


def test_a_redirect_does_not_take_the_file_elsewhere() -> None:
    with Loopback(loopback.answers(200, "")) as thief:
        for status in (301, 302, 307, 308):
            away = loopback.answers(status, "", f"Location: {thief.url}/1")
            with provider(store=away) as server, pytest.raises(Unavailable):
                upload(server.url)
    assert thief.connections == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer x"},
        {"authorization": "AWS4-HMAC-SHA256 x"},
        {"Proxy-Authorization": "x"},
        {"Host": "elsewhere.example"},
        {"Transfer-Encoding": "chunked"},
        {"Content-Length": "1"},
        {"X-A": "1\r\nAuthorization: x"},
        {"X A": "1"},
        {"X-A": "ü"},
        {"X-A": 1},
        [],
        7,
    ],
    ids=str,
)
def test_a_ticket_whose_headers_may_not_be_sent_is_no_ticket(headers: object) -> None:
    with provider(headers=headers or [1]) as server, pytest.raises(Unavailable):
        upload(server.url)
    assert [request.method for request in server.requests] == ["POST"]


# What a refused ticket means.


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, refusal(400), RefusedForJob),
        (413, refusal(413, "file size exceeds the 200 MB limit"), RefusedForJob),
        (413, "<html>", RefusedForJob),
        (415, "", RefusedForJob),
        (422, refusal(422), RefusedForJob),
        (200, refusal(400), RefusedForJob),
        (200, refusal("413"), RefusedForJob),
        (200, refusal(1402), RefusedForJob),
        (401, refusal(401), RefusedForAccount),
        (402, "", RefusedForAccount),
        (403, "<html>", RefusedForAccount),
        (200, refusal(401), RefusedForAccount),
        (200, refusal(1407), RefusedForAccount),
        (400, refusal(400, "Insufficient credits"), RefusedForAccount),
        (408, "", Unavailable),
        (200, refusal(408), Unavailable),
        (429, "", Unavailable),
        (200, refusal(429), Unavailable),
        (429, refusal(429, "You have reached your concurrency limit"), Unavailable),
        (500, refusal(400), Unavailable),
        (503, "<html>", Unavailable),
        (200, refusal(5003), Unavailable),
        (200, refusal(7777), Unavailable),
        (302, "", Unavailable),
        (200, "", Unavailable),
        (200, "<html>", Unavailable),
        (200, envelope(None), Unavailable),
        (200, envelope([]), Unavailable),
        (200, envelope({}), Unavailable),
        (200, envelope({"upload": "x"}), Unavailable),
        (200, envelope(failed()), Unavailable),
        (200, envelope(ticket("https://storage.example/1", method="POST")), Unavailable),
        (200, envelope({**ticket("https://storage.example/1"), "download_url": None}), Unavailable),
        (200, envelope({**ticket("https://storage.example/1"), "download_url": "file:///etc/passwd"}), Unavailable),
    ],
    ids=str,
)
def test_an_answer_without_a_ticket_means(status: int, body: Any, kind: type) -> None:
    with Loopback(loopback.answers(status, body)) as server, pytest.raises(ProviderError) as caught:
        upload(server.url)
    assert type(caught.value) is kind
    assert len(server.requests) == 1


def test_the_sandbox_refuses_what_is_too_large_for_good(sandbox: RunningSandbox, tmp_path: Path) -> None:
    size = (200 << 20) + 1
    with (tmp_path / "fox.mp4").open("w+b") as file:
        file.truncate(size)
        with pytest.raises(RefusedForJob, match="200 MB"):
            upload(sandbox.url, file, size=size)


def test_a_ticket_is_told_when_to_be_asked_for_again() -> None:
    with Loopback(loopback.answers(429, "", "Retry-After: 7")) as server, pytest.raises(Unavailable) as caught:
        upload(server.url)
    assert caught.value.retry_after == 7


# What a put that fails means.


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429, 500, 503])
def test_a_put_that_is_refused_may_be_tried_again(status: int) -> None:
    refuses = loopback.answers(status, "no", "Retry-After: 9")
    with provider(store=refuses) as server, pytest.raises(Unavailable, match=f"HTTP {status}") as caught:
        upload(server.url)
    assert caught.value.retry_after == 9
    assert len(server.requests) == 2


BAD: list[Any] = [
    pytest.param(loopback.hangs_up, id="hangs up"),
    pytest.param(loopback.says_nothing, id="says nothing"),
    pytest.param(loopback.cuts(200), id="hangs up in the middle"),
    pytest.param(loopback.floods, id="answers without an end"),
    pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
]


@pytest.mark.parametrize("behaviour", BAD)
def test_a_put_without_an_answer_ends_and_is_sent_once(behaviour: Behaviour) -> None:
    with provider(store=behaviour) as server, bounded_by(PATIENCE / 2), pytest.raises(Unavailable):
        upload(server.url)
    assert [request.method for request in server.requests] == ["POST", "PUT"]


@pytest.mark.parametrize("behaviour", BAD)
def test_a_ticket_without_an_answer_is_asked_for_once(behaviour: Behaviour) -> None:
    with Loopback(behaviour) as server, bounded_by(PATIENCE / 2), pytest.raises(Unavailable):
        upload(server.url)
    assert [request.method for request in server.requests] == ["POST"]


def test_a_storage_that_is_not_there_may_be_tried_again() -> None:
    with provider(put_url=f"https://127.0.0.1:{free_port()}/1") as server, pytest.raises(Unavailable):
        upload(server.url)


class Deaf(Loopback):
    """Gives a ticket to itself and then reads no byte more, without hanging up."""

    def __init__(self) -> None:
        super().__init__(loopback.hangs_up)
        self.behaviour = loopback.answers(200, envelope(ticket(f"{self.url}/1")))

    def _serve(self, connection: socket.socket) -> None:
        if self.connections == 1:
            super()._serve(connection)
        else:
            with connection:
                self.closing.wait(PATIENCE)


def test_a_storage_that_reads_no_further_is_left() -> None:
    size = 32 << 20  # more than the buffers between us
    with Deaf() as server, bounded_by(PATIENCE / 2), pytest.raises(Unavailable):
        upload(server.url, io.BytesIO(bytes(size)), size=size)
    assert server.connections == 2


class Slow(io.BytesIO):
    """A file whose reading takes its time: every piece is quick enough, all of them are not."""

    def read(self, size: int | None = -1) -> bytes:
        time.sleep(0.05)
        return super().read(1000)


def test_the_whole_upload_has_an_end_however_slow_it_goes() -> None:
    with provider() as server, bounded_by(PATIENCE / 2), pytest.raises(Unavailable):
        upload(server.url, Slow(BYTES), time_limit=0.5)


# A file that is not what was announced.


@pytest.mark.parametrize("size", [0, -1, len(BYTES) - 1, len(BYTES) + 1])
def test_a_file_of_another_size_is_not_announced(size: int) -> None:
    with provider() as server, pytest.raises(ValueError, match=f"size is {size}"):
        upload(server.url, size=size)
    assert server.connections == 0


class Pipe(io.RawIOBase):
    """A file that cannot tell its length."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.read = io.BytesIO(content).read  # type: ignore[method-assign]


class Shrinking(io.BytesIO):
    """A file that loses its end while it is read."""

    def read(self, size: int | None = -1) -> bytes:
        return super().read(size) if self.tell() < len(BYTES) // 2 else b""


@pytest.mark.parametrize(
    "make",
    [lambda: Shrinking(BYTES), lambda: Pipe(BYTES[:-1]), lambda: Pipe(b""), lambda: Pipe(BYTES + b"1")],
    ids=["shrinks", "shorter", "empty", "longer"],
)
def test_a_file_that_changes_under_way_never_arrives_as_a_whole(make: Callable[[], Any]) -> None:
    with provider() as server, bounded_by(PATIENCE / 2), pytest.raises(Unavailable, match="not 256000 bytes long"):
        upload(server.url, make())
    bodies = [request.body for request in server.requests if request.method == "PUT"]
    assert all(len(body) < len(BYTES) for body in bodies)


def test_a_file_that_cannot_tell_its_length_arrives() -> None:
    with provider() as server:
        upload(server.url, Pipe(BYTES))
    assert server.requests[1].body == BYTES


# What nobody may read.


@pytest.mark.parametrize(
    "behaviour",
    [
        loopback.answers(401, refusal(401, f"The key {KEY} is wrong")),
        loopback.answers(400, refusal(400, f"Bearer {KEY}")),
        loopback.answers(500, f"no {KEY}"),
        loopback.answers(200, envelope(ticket(f"http://thief.example/{KEY}"))),
        loopback.answers(200, envelope(ticket("https://127.0.0.1:1/1", headers={KEY: "ü"}))),
        loopback.answers(200, envelope(ticket(f"https://127.0.0.1:1/?signature={SECRET}"))),
        loopback.hangs_up,
    ],
)
def test_no_error_and_no_log_tells_the_key_or_a_permission(
    behaviour: Behaviour, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with Loopback(behaviour) as server, pytest.raises(ProviderError) as caught:
        upload(server.url)
    told = f"{caught.value!r} {caught.value.words} {caught.value.__cause__!r} {caplog.text}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert KEY not in told
    assert SECRET not in told
