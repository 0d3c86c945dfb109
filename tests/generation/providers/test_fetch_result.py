"""The watcher's way of asking, through a real server: the same answers mean the same."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from generation.providers.errors import NotFound, ProviderError, Unavailable
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed
from tests.generation.providers import loopback
from tests.generation.providers.cases import ID, RESULTS, envelope, prediction
from tests.generation.providers.conftest import KEY
from tests.generation.providers.loopback import PATIENCE, Behaviour, Loopback
from tests.generation.providers.test_connections import free_port


def fetch(url: str, prediction_id: str = ID, *, read_timeout: float = PATIENCE) -> Prediction:
    client = WaveSpeed(url=url, key=KEY, connect_timeout=0.5, read_timeout=read_timeout)

    async def ask() -> Prediction:
        async with aiohttp.ClientSession() as session:
            return await client.fetch_result(session, prediction_id)

    return asyncio.run(ask())


@pytest.mark.parametrize(("status", "body", "kind", "_id"), RESULTS)
def test_fetch_result_means(status: int, body: Any, kind: type, _id: str | None) -> None:
    with Loopback(loopback.answers(status, body)) as server:
        if kind is Prediction:
            assert fetch(server.url).id == ID
        else:
            with pytest.raises(ProviderError) as caught:
                fetch(server.url)
            assert type(caught.value) is kind
    (request,) = server.requests
    assert (request.method, request.path) == ("GET", f"/api/v3/predictions/{ID}/result")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-client-name"] == "clapboard"


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(loopback.says_nothing, id="says nothing"),
        pytest.param(loopback.cuts(200), id="hangs up in the middle"),
        pytest.param(loopback.floods, id="answers without an end"),
        pytest.param(loopback.drips(loopback.head(200, 10**6)), id="drips the body"),
        pytest.param(loopback.drips(b"HTTP/1.1 200 OK\r\nX-Slow: "), id="drips a header"),
        pytest.param(loopback.answers(200, "not gzip", "Content-Encoding: gzip"), id="lies about the encoding"),
    ],
)
def test_fetch_result_asks_once_and_ends(behaviour: Behaviour) -> None:
    with Loopback(behaviour) as server, pytest.raises(Unavailable):
        fetch(server.url, read_timeout=0.5)
    assert len(server.requests) == 1


def test_fetch_result_reads_no_answer_above_the_limit() -> None:
    content = envelope(prediction(error="x" * (1 << 20)))
    with Loopback(loopback.answers(200, content)) as server, pytest.raises(Unavailable):
        fetch(server.url)
    assert len(server.requests) == 1


def test_fetch_result_of_a_server_that_hangs_up_is_unavailable() -> None:
    with Loopback(loopback.hangs_up) as server, pytest.raises(Unavailable):
        fetch(server.url)
    assert {request.method for request in server.requests} == {"GET"}  # aiohttp may ask twice


def test_fetch_result_of_nobody_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        fetch(f"http://127.0.0.1:{free_port()}")


def test_fetch_result_asks_for_nothing_that_is_no_id() -> None:
    with Loopback(loopback.answers(200, "")) as server, pytest.raises(NotFound):
        fetch(server.url, "../balance")
    assert server.connections == 0


def test_fetch_result_takes_the_key_to_no_other_host() -> None:
    with (
        Loopback(loopback.answers(200, envelope(prediction()))) as thief,
        Loopback(loopback.answers(302, "", f"Location: {thief.url}/")) as server,
        pytest.raises(Unavailable),
    ):
        fetch(server.url)
    assert thief.connections == 0


def test_fetch_result_says_when_to_come_back() -> None:
    with Loopback(loopback.answers(429, "", "Retry-After: 7")) as server, pytest.raises(Unavailable) as caught:
        fetch(server.url)
    assert caught.value.retry_after == 7


def test_fetch_result_can_be_canceled() -> None:
    async def ask(server: Loopback) -> None:
        client = WaveSpeed(url=server.url, key=KEY)
        async with aiohttp.ClientSession() as session, asyncio.timeout(PATIENCE):
            task = asyncio.create_task(client.fetch_result(session, ID))
            await asyncio.to_thread(server.arrived.wait, PATIENCE)
            task.cancel()
            await task

    with Loopback(loopback.says_nothing) as server, pytest.raises(asyncio.CancelledError):
        asyncio.run(ask(server))
