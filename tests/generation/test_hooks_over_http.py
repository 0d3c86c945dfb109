"""Webhooks through the real web process, also from who sends in chunks and declares no length."""

import socket
from collections.abc import Iterator

import pytest
import requests

from generation.models import Job, Status
from tests.hooks import give_token, letter, listen, signed
from tests.make import make_job
from tests.processes import Engine, engine

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.any_database]

PATIENCE = 120  # seconds


@pytest.fixture
def web(sandbox) -> Iterator[Engine]:
    with engine(sandbox.url) as rig:
        rig.start("web")
        yield rig


@pytest.fixture
def job(alice) -> Job:
    listen()
    return make_job(alice, status=Status.RUNNING)


def headers_of(sent: dict[str, str]) -> dict[str, str]:
    return {f"webhook-{name}": sent[name] for name in ("id", "timestamp", "signature")}


def in_chunks(body: str) -> Iterator[bytes]:
    """Yield pieces; who gives an iterator to requests declares no length."""
    yield body[:10].encode()
    yield body[10:].encode()


def broken(web: Engine, path: str, sent: dict[str, str]) -> bytes:
    """Send what is no chunk, and return how the answer begins."""
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Transfer-Encoding: chunked", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers_of(sent).items()]
    with socket.create_connection(web.listening.getsockname(), timeout=PATIENCE) as client:
        client.sendall("\r\n".join([*lines, "", "no number", sent["body"], "0", "", ""]).encode())
        return client.recv(12)


def test_a_webhook_is_heard_whole_or_in_chunks_up_to_the_limit(web, job):
    url, sent = web.url + give_token(job), letter(job.prediction_id)
    full = signed(sent["body"] + " " * ((1 << 20) - len(sent["body"])))
    long = signed(full["body"] + " ")

    def post(letter: dict[str, str], body: object) -> int:
        return requests.post(url, data=body, headers=headers_of(letter), timeout=PATIENCE).status_code

    assert post(sent, sent["body"]) == 204
    assert [post(each, in_chunks(each["body"])) for each in (sent, full, long)] == [204, 204, 404]
    assert post(sent, in_chunks(sent["body"] + " ")) == 404  # is signed as well
    assert broken(web, give_token(job), sent) == b"HTTP/1.1 404"
    assert post(sent, sent["body"]) == 204
