import contextlib
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from generation.sandbox.webhooks import is_loopback, signature
from tests.generation.sandbox.conftest import Api, data_of, wait_until
from tests.sandbox import RunningSandbox

BODY = b'{"id":"pred_123","status":"completed"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """One webhook as it arrived."""

    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def payload(self) -> dict[str, Any]:
        payload = json.loads(self.raw)
        assert isinstance(payload, dict)
        return payload

    def is_signed_with(self, secret: str) -> bool:
        """Check as a client would, without the sandbox's own code."""
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.raw
        wanted = hmac.new(secret.removeprefix("whsec_").encode(), signed, hashlib.sha256).hexdigest()
        return self.headers["webhook-signature"] == f"v3,{wanted}"

    @property
    def age(self) -> float:
        return time.time() - int(self.headers["webhook-timestamp"])


class Ear:
    """A place to send webhooks to; answers with the given statuses, then with 200."""

    def __init__(self, url: str, statuses: list[int]) -> None:
        self.url = url
        self.statuses = statuses
        self.hooks: queue.Queue[Hook] = queue.Queue()

    def hear(self) -> Hook:
        return self.hooks.get(timeout=60)


@contextlib.contextmanager
def listening(*statuses: int) -> Iterator[Ear]:
    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            ear.hooks.put(Hook(headers=headers, raw=raw, at=time.monotonic()))
            self.send_response(ear.statuses.pop(0) if ear.statuses else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the standard library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        ear = Ear(f"http://127.0.0.1:{server.server_port}/hook?token=abc", list(statuses))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield ear
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def secret(api: Api) -> str:
    return str(data_of(api.call("GET", "/webhook/secret"))["secret"])


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("whsec_secret-value", "8ae8a3af37c66d113524b329f4b951d736eb51f32e23c56a5c5d49c4b4adee1c"),
        ("whsec_c2VjcmV0LXZhbHVl", "bc52f3bf70fec18f6a18184ce47b2e9e6585f1e0ef2aaca55c088a4841e6443e"),
    ],
)
def test_signatures_match_the_documented_vectors(key: str, wanted: str) -> None:
    assert signature(key, "pred_123", "1700000000", BODY) == wanted


@pytest.mark.parametrize(
    ("prompt", "status"), [("A fox", "completed"), ("[fault:failed]", "failed"), ("[fault:moderated]", "failed")]
)
def test_a_signed_bare_prediction_is_sent_at_the_end(api: Api, secret: str, prompt: str, status: str) -> None:
    with listening() as ear:
        prediction_id = api.submit(prompt, webhook=ear.url)
        hook = ear.hear()
    assert hook.is_signed_with(secret)
    assert not hook.is_signed_with("whsec_other")
    assert hook.age < 60
    assert hook.payload == api.show(prediction_id)
    assert (hook.payload["id"], hook.payload["status"]) == (prediction_id, status)


def test_a_refused_webhook_is_sent_again(api: Api, sandbox: RunningSandbox, secret: str) -> None:
    with listening(500, 404, 302) as ear:
        api.submit("A fox", webhook=ear.url)
        hooks = [ear.hear() for _ in range(4)]
    assert len({hook.raw for hook in hooks}) == 1
    assert all(hook.is_signed_with(secret) for hook in hooks)
    wait_until(lambda: sandbox.stats()["webhooks"] == {"sent": 4, "delivered": 1})


def test_a_webhook_is_given_up_after_three_retries(api: Api, sandbox: RunningSandbox) -> None:
    sandbox.set(webhook_pause=0.01)
    with listening(500, 500, 500, 500) as ear:
        api.submit("A fox", webhook=ear.url)
        wait_until(lambda: sandbox.stats()["webhooks"] == {"sent": 4, "given_up": 1})


def test_nothing_is_sent_to_other_machines(api: Api, sandbox: RunningSandbox) -> None:
    assert api.wait(api.submit("A fox", webhook="https://hooks.example.com/a"))["status"] == "completed"
    wait_until(lambda: sandbox.stats()["webhooks"] == {"elsewhere": 1})


@pytest.mark.parametrize(
    ("url", "ours"),
    [
        ("http://127.0.0.1:8000/hook", True),
        ("http://localhost/hook", True),
        ("http://[::1]:8000/hook", True),
        ("http://10.0.0.1/hook", False),
        ("http://127.0.0.1.example.com/hook", False),
        ("http://localhost.example.com/hook", False),
        ("http://127.0.0.1@example.com/hook", False),
        ("nonsense", False),
        ("http://[", False),
    ],
)
def test_only_loopback_counts_as_this_machine(url: str, ours: bool) -> None:  # noqa: FBT001
    assert is_loopback(url) is ours


def test_a_webhook_may_come_twice(api: Api) -> None:
    with listening() as ear:
        api.submit("[fault:webhook_twice]", webhook=ear.url)
        assert ear.hear().raw == ear.hear().raw


def test_a_webhook_may_be_late(api: Api) -> None:
    with listening() as ear:
        began = time.monotonic()
        api.submit("[fault:webhook_late=0.6]", webhook=ear.url)
        assert ear.hear().at - began >= 0.8


def test_a_webhook_may_never_come(api: Api, sandbox: RunningSandbox) -> None:
    with listening() as ear:
        api.wait(api.submit("[fault:webhook_never]", webhook=ear.url))
        second = api.submit("A fox", webhook=ear.url)
        assert ear.hear().payload["id"] == second
    wait_until(lambda: sandbox.stats()["webhooks"] == {"sent": 1, "delivered": 1})


def test_a_lie_may_come_before_the_truth(api: Api, sandbox: RunningSandbox, secret: str) -> None:
    sandbox.set(seconds=3600)
    with listening() as ear:
        prediction_id = api.submit("[fault:webhook_forged]", webhook=ear.url)
        lie = ear.hear()
        assert (lie.payload["id"], lie.payload["status"]) == (prediction_id, "completed")
        assert not lie.is_signed_with(secret)
        assert api.show(prediction_id)["status"] == "created"
        sandbox.finish()
        assert ear.hear().is_signed_with(secret)


def test_a_webhook_may_be_stale(api: Api, secret: str) -> None:
    with listening() as ear:
        api.submit("[fault:webhook_stale]", webhook=ear.url)
        hook = ear.hear()
    assert hook.is_signed_with(secret)
    assert hook.age > 590
