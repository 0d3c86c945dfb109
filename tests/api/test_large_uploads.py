"""Large uploads through the real web process: flat memory, and an answer whatever comes."""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import requests
from django.conf import settings

from generation.models import Upload
from tests.make import make_key, make_user
from tests.media import mp4, padding, png
from tests.processes import _database_url

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.any_database]

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE = 60  # seconds
LARGE = 199_000_000
MAY_ADD = 30_000_000
PIECE = bytes(1 << 20)


@dataclass
class Web:
    """One real gunicorn with one process and threads, as it is deployed."""

    process: subprocess.Popen[bytes]
    url: str
    key: str

    def peak(self) -> int:
        """Return the most bytes that the worker has ever had in memory."""
        (worker,) = psutil.Process(self.process.pid).children()
        (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{worker.pid}/status").read_text())
        return int(kilobytes) * 1024

    def send(self, size: int, beginning: bytes = b"", path: str = "uploads", **fields: str) -> requests.Response:
        """Send a file of `size` bytes in pieces; it is never whole in memory here either."""
        boundary = secrets.token_hex(16)
        field = "file" if path == "uploads" else "video"
        head = "".join(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in fields.items()
        )
        head += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"; filename="fox.mp4"\r\n\r\n'
        tail = f"\r\n--{boundary}--\r\n"
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Content-Type": f"multipart/form-data; boundary={boundary}",
        }
        body = Body(head.encode() + beginning, size - len(beginning), tail.encode())
        return requests.post(f"{self.url}/api/v1/{path}", data=body, headers=headers, timeout=PATIENCE)


class Body:
    """A body of zeros between a head and a tail, read in pieces."""

    def __init__(self, head: bytes, zeros: int, tail: bytes) -> None:
        self.len = len(head) + zeros + len(tail)  # which requests looks for
        self._head, self._zeros, self._tail = head, zeros, tail

    def read(self, size: int = -1) -> bytes:
        """Return the next piece."""
        if self._head:
            piece, self._head = self._head, b""
        elif self._zeros > 0:
            piece = PIECE[: min(self._zeros, max(size, 16384))]
            self._zeros -= len(piece)
        else:
            piece, self._tail = self._tail, b""
        return piece


def padded(size: int) -> bytes:
    """Return the beginning of an MP4 that zeros make `size` bytes long."""
    video = mp4()
    return video + padding(size - len(video))


@pytest.fixture
def web():
    """Is the web process on the test's database, with a user without limits."""
    with running() as found:
        yield found


@contextlib.contextmanager
def running(**environment: str) -> Iterator[Web]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(8)
        number = listening.fileno()
        command = [sys.executable, "-m", "gunicorn", "config.wsgi", f"--bind=fd://{number}", "--workers=1"]
        command += ["--worker-class=gthread", "--threads=4", f"--timeout={PATIENCE}", "--log-level=warning"]
        environment = {
            **os.environ,
            "READ_ENV_FILES": "0",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "DATABASE_URL": _database_url(),
            "CLAPBOARD_DATA": str(settings.DATA_DIR),
            "MEDIA_ROOT": str(settings.MEDIA_ROOT),
            **environment,
        }
        process = subprocess.Popen(command, cwd=ROOT, env=environment, pass_fds=[number])
        try:
            yield Web(process, f"http://127.0.0.1:{listening.getsockname()[1]}", make_key(make_user())[1])
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.mark.parametrize("path", ["uploads", "quotes", "jobs"])
def test_a_video_of_199_mb_adds_less_than_30_mb_to_the_peak_memory(web, path):
    wish = {} if path == "uploads" else {"model": "ltx-2-retake", "prompt": "Rain"}
    small = padded(100_000)
    web.send(100_000, small, path, **wish)  # libraries are in memory from now on
    before = web.peak()
    answer = web.send(LARGE, padded(LARGE), path, **wish)
    assert answer.ok, answer.text
    assert web.peak() - before < MAY_ADD
    if path != "quotes":
        upload = Upload.objects.latest("created_at")
        assert (upload.size_bytes, upload.seconds) == (LARGE, 1.0)
        kept = Path(settings.MEDIA_ROOT, upload.file.name)
        assert kept.stat().st_size == LARGE
        kept.unlink()  # pytest keeps folders for a while
    assert not list(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir())


@pytest.mark.parametrize("times", [1.01, 1.9])
def test_whoever_sends_too_much_hears_it(times):
    limit = 20_000_000
    with running(UPLOAD_VIDEO_BYTES=str(limit)) as web:
        answer = web.send(int(limit * times), padded(int(limit * times)))
    assert answer.status_code == 413
    body = answer.json()
    assert body["error"]["code"] == "media_too_large"
    assert body["errors"][0] == {
        "pointer": "#/file",
        "detail": "This has more than 20 MB; allowed: at most 20 MB for videos and 20 MB for pictures.",
    }
    assert not Upload.objects.exists()


def test_far_too_much_is_not_read_and_the_next_one_is_served():
    limit = 1_000_000
    with running(UPLOAD_VIDEO_BYTES=str(limit)) as web:
        # The answer may be lost on a connection that is closed in the middle.
        with contextlib.suppress(requests.ConnectionError):
            assert web.send(100 * limit, padded(100 * limit)).status_code == 413
        assert web.send(len(png()), png()).status_code == 201
    assert Upload.objects.get().kind == "image"


def test_whoever_hangs_up_makes_nothing(web):
    head = b"".join(
        b'--x\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % field
        for field in ((b"model", b"ltx-2-pro"), (b"prompt", b"Rain"))
    )
    head += b'--x\r\nContent-Disposition: form-data; name="image"; filename="fox.png"\r\n\r\n' + png()[:50]
    host, port = web.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), PATIENCE) as connection:
        connection.sendall(
            f"POST /api/v1/jobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {web.key}\r\nContent-Length: 5000\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n\r\n".encode()
            + head
        )
        connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "parse_error"
