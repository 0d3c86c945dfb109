import http.client
import time
import urllib.request

import pytest
import requests

from tests.generation.sandbox.conftest import Api, fetch, probe

MIB = 1024 * 1024


def half(url: str) -> tuple[int, int]:
    """Download a file that breaks off; return how many bytes came and how many were announced."""
    with urllib.request.urlopen(url, timeout=60) as response, pytest.raises(http.client.IncompleteRead) as broken:
        response.read()
    came = len(broken.value.partial)
    return came, came + (broken.value.expected or 0)


def test_a_download_may_be_cut_once(api: Api) -> None:
    url = api.made("A fox [fault:cut]")
    came, announced = half(url)
    whole = fetch(url)
    assert (came, announced) == (len(whole) // 2, len(whole))
    assert probe(whole).codec == "h264"


def test_requests_notices_the_cut(api: Api) -> None:
    url = api.made("A fox [fault:cut]")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        requests.get(url, timeout=60)


def test_a_download_may_be_cut_always(api: Api) -> None:
    url = api.made("A fox [fault:cut_always]")
    assert half(url) == half(url)


def test_looking_at_the_headers_is_no_download(api: Api) -> None:
    url = api.made("A fox [fault:cut]")
    assert requests.head(url, timeout=60).status_code == 200
    half(url)


def test_an_output_may_never_end(api: Api) -> None:
    url = api.made("A fox [fault:endless]")
    with requests.get(url, stream=True, timeout=60) as response:
        assert "Content-Length" not in response.headers
        chunks = response.iter_content(MIB)
        assert next(chunks)[4:8] == b"ftyp"
        assert sum(len(next(chunks)) for _ in range(40)) > 30 * MIB
    assert api.call("GET", "/balance").status_code == 200


@pytest.mark.parametrize(
    ("fault", "kind", "start"), [("html", "text/html", b"<!doctype html>"), ("garbage", "video/mp4", bytes(range(9)))]
)
def test_an_output_may_be_something_else(api: Api, fault: str, kind: str, start: bytes) -> None:
    answer = requests.get(api.made(f"A fox [fault:{fault}]"), timeout=60)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.content.startswith(start)


def test_an_output_may_be_empty(api: Api) -> None:
    answer = requests.get(api.made("A fox [fault:empty]"), timeout=60)
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


def test_an_output_may_be_gone(api: Api) -> None:
    url = api.made("A fox [fault:gone]")
    assert [requests.get(url, timeout=60).status_code for _ in range(2)] == [404, 404]


def test_an_output_may_come_at_the_second_try(api: Api) -> None:
    url = api.made("A fox [fault:503_output]")
    assert [requests.get(url, timeout=60).status_code for _ in range(2)] == [503, 200]


def test_an_output_may_drip(api: Api) -> None:
    url = api.made("A fox [fault:slow_drip=0.6]")
    began = time.monotonic()
    body = fetch(url)
    assert time.monotonic() - began >= 0.6
    assert probe(body).codec == "h264"


def test_a_picture_may_have_the_wrong_size(api: Api) -> None:
    facts = probe(fetch(api.made("A fox [fault:wrong_size]")))
    assert (facts.width, facts.height) == (128, 72)


def test_a_file_may_have_the_wrong_length(api: Api) -> None:
    assert probe(fetch(api.made("A fox [fault:wrong_length]"))).video_seconds == pytest.approx(3, abs=0.1)


def test_a_file_may_lack_its_sound(api: Api) -> None:
    assert probe(fetch(api.made("A fox [fault:no_sound]"))).audio == []
