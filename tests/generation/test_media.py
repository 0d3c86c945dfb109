"""Stored files leave the house: whole, in ranges, from S3, and for their owner alone."""

import logging
from email.message import EmailMessage
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import RequestFactory
from moto.server import ThreadedMotoServer

from generation.media import download_name, video_response
from generation.models import FINAL, Status
from tests.conftest import api_of
from tests.make import make_job

DATA = bytes(range(256)) * 4000  # more than one chunk
TAG = '"' + "0" * 64 + '"'


@pytest.fixture
def job(alice):
    """Is a job of Alice's with its files."""
    default_storage.save("videos/x.mp4", ContentFile(DATA))
    default_storage.save("posters/x.jpg", ContentFile(b"poster"))
    return make_job(alice, status=Status.SUCCEEDED)


@pytest.fixture
def get(api, job):
    """Asks for the video with some headers and reads the answer to its end."""

    def ask(part="video", method="get", query="", **headers):
        address = f"/api/v1/jobs/{job.pk}/{part}{query}"
        answer = getattr(api, method)(address, headers={name.replace("_", "-"): v for name, v in headers.items()})
        answer.body = answer.getvalue()
        return answer

    return ask


def test_the_whole_video(get):
    answer = get()
    assert (answer.status_code, answer.body) == (200, DATA)
    assert answer["Content-Type"] == "video/mp4"
    assert answer["Content-Length"] == str(len(DATA))
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["ETag"] == TAG
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]


def test_the_poster(get):
    answer = get("poster")
    assert (answer.status_code, answer.body, answer["Content-Type"]) == (200, b"poster", "image/jpeg")
    assert answer["ETag"] != TAG


SIZE = len(DATA)


@pytest.mark.parametrize(
    ("wished", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=0-99", 0, 99),
        ("bytes=1000-300000", 1000, 300_000),
        ("bytes=500000-", 500_000, SIZE - 1),
        ("bytes=-1", SIZE - 1, SIZE - 1),
        ("bytes=-500", SIZE - 500, SIZE - 1),
        (f"bytes=-{SIZE * 2}", 0, SIZE - 1),
        (f"bytes=100-{SIZE * 2}", 100, SIZE - 1),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE - 1),
        ("bytes=0-", 0, SIZE - 1),
        ("Bytes=0-9", 0, 9),
    ],
)
def test_a_range(get, wished, first, last):
    answer = get(Range=wished)
    assert (answer.status_code, answer.body) == (206, DATA[first : last + 1])
    assert answer["Content-Range"] == f"bytes {first}-{last}/{SIZE}"
    assert answer["Content-Length"] == str(last - first + 1)
    assert answer["ETag"] == TAG
    assert answer["Content-Type"] == "video/mp4"


@pytest.mark.parametrize("wished", [f"bytes={SIZE}-", f"bytes={SIZE * 9}-{SIZE * 10}", "bytes=-0"])
def test_a_range_behind_the_end(get, wished):
    answer = get(Range=wished)
    assert (answer.status_code, answer.body) == (416, b"")
    assert answer["Content-Range"] == f"bytes */{SIZE}"


@pytest.mark.parametrize(
    "wished",
    [
        *("bytes=0-1,5-9", "bytes=9-1", "bytes=-", "bytes=a-b", "items=0-9", "0-9", "bytes", "bytes=1-2-3"),
        *("bytes=\u0661-\u0662", "bytes=" + "9" * 5000 + "-", "bytes=--5", ""),
    ],
)
def test_a_range_that_is_none_means_all_of_it(get, wished):
    answer = get(Range=wished)
    assert (answer.status_code, answer.body) == (200, DATA)


def test_if_range_with_the_tag_of_now_gives_the_part(get):
    assert get(Range="bytes=0-9", If_Range=TAG).status_code == 206


@pytest.mark.parametrize("tag", ['"other"', f"W/{TAG}", "Tue, 03 Nov 2026 12:00:00 GMT"])
def test_if_range_with_anything_else_gives_all(get, tag):
    answer = get(Range="bytes=0-9", If_Range=tag)
    assert (answer.status_code, answer.body) == (200, DATA)


@pytest.mark.parametrize("tags", [TAG, f'"a", {TAG}', f"W/{TAG}", "*"])
def test_what_the_caller_has_is_not_sent_again(get, tags):
    answer = get(If_None_Match=tags)
    assert (answer.status_code, answer.body, answer["ETag"]) == (304, b"", TAG)


def test_what_the_caller_has_of_another_video_is_sent(get):
    assert get(If_None_Match='"other"').status_code == 200


def test_head_says_how_large_it_is(get):
    answer = get(method="head", Range="bytes=0-9")
    assert (answer.status_code, answer.body) == (200, b"")
    assert answer["Content-Length"] == str(SIZE)
    assert answer["Content-Type"] == "video/mp4"


def _disposition(answer):
    message = EmailMessage()
    message["Content-Disposition"] = answer["Content-Disposition"]
    return message.get_content_disposition(), message.get_filename()


def test_it_is_shown_or_offered_for_saving_under_a_name_that_tells_it(get):
    assert _disposition(get()) == ("inline", "a-red-fox-in-snow_ltx-2-pro_6s.mp4")
    assert _disposition(get(query="?download=1")) == ("attachment", "a-red-fox-in-snow_ltx-2-pro_6s.mp4")
    assert _disposition(get("poster"))[1] == "poster.jpg"


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A red fox", "a-red-fox"),
        ("狐狸", "video"),
        ("../../etc/passwd", "etcpasswd"),
        ('a"; filename="evil.exe', "a-filenameevilexe"),
        ("a\r\nX-Header: b", "a-x-header-b"),
        ("x " * 100, "-".join("x" * 30)),
        ("---", "video"),
    ],
)
def test_the_name_of_a_download_is_plain(alice, prompt, words):
    job = make_job(alice, status=Status.SUCCEEDED, prompt=prompt, duration=6.04)
    assert download_name(job) == f"{words}_ltx-2-pro_6s.mp4"


def test_a_video_of_a_model_that_is_offered_no_more_has_a_name(alice):
    job = make_job(alice, status=Status.SUCCEEDED, model="once/offered/model")
    assert download_name(job) == "a-red-fox-in-snow_once-offered-model_6s.mp4"


@pytest.mark.parametrize("part", ["video", "poster"])
@pytest.mark.parametrize("status", [status for status in Status if status not in FINAL])
def test_what_is_not_ready_yet_says_how_far_it_is(alice, bob, api, status, part):
    job = make_job(alice, status=status)
    answer = api.get(f"/api/v1/jobs/{job.pk}/{part}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_ready")
    assert answer.json()["detail"].startswith(f"The job is {status}, so there is no file yet")
    assert api_of(bob).get(f"/api/v1/jobs/{job.pk}/{part}").status_code == 404


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELED])
def test_what_ended_without_a_video_has_none(alice, api, status):
    job = make_job(alice, status=status)
    assert [api.get(f"/api/v1/jobs/{job.pk}/{part}").status_code for part in ("video", "poster")] == [404, 404]


def test_operators_find_nothing_before_it_is_ready(alice, olga, client):
    client.force_login(olga)
    job = make_job(alice, status=Status.RUNNING)
    assert client.get(f"/admin/generation/job/{job.pk}/video/").status_code == 404


def test_a_file_that_is_missing_is_404(get):
    default_storage.delete("videos/x.mp4")
    answer = get()
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-999999"}])
def test_a_caller_who_hangs_up_closes_the_file(job, headers, monkeypatch):
    opened = []
    opens = default_storage.open
    monkeypatch.setattr(
        type(job.video.storage), "open", lambda self, *args: opened.append(opens(*args)) or opened[-1], raising=False
    )
    answer = video_response(RequestFactory().get("/", headers=headers), job)
    assert next(iter(answer.streaming_content))
    (file,) = opened
    assert not file.closed
    answer.close()
    assert file.closed


def test_a_part_is_never_held_in_memory(get, job):
    answer = video_response(RequestFactory().get("/", headers={"Range": "bytes=0-"}), job)
    pieces = list(answer.streaming_content)
    answer.close()
    assert max(map(len, pieces)) <= 256 * 1024
    assert b"".join(pieces) == DATA


# --- S3 ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def s3():
    """Is an S3 on loopback."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def bucket(s3, settings, monkeypatch):
    """Is where files are kept in this test, as the settings do it with S3_BUCKET."""
    for name, value in (("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing-secret")):
        monkeypatch.setenv(name, value)
    client = boto3.client("s3", endpoint_url=s3, region_name="us-east-1")
    client.create_bucket(Bucket="clapboard")
    options = {"bucket_name": "clapboard", "endpoint_url": s3, "region_name": "us-east-1", "querystring_expire": 300}
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options}
    }
    yield client
    client.close()


@pytest.mark.parametrize("method", ["get", "head"])
def test_s3_gets_the_caller_with_a_signed_address(bucket, get, method):
    answer = get(method=method, query="?download=1")
    assert answer.status_code == 302
    assert "no-store" in answer["Cache-Control"]
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query.get("X-Amz-Expires", ["300"]) == ["300"]
    assert "testing-secret" not in answer["Location"]
    file = requests.request(method, answer["Location"], timeout=10)
    assert file.status_code == 200
    assert file.content == (DATA if method == "get" else b"")
    # The S3 of the tests answers HEAD without it.
    assert (
        method == "head"
        or file.headers["Content-Disposition"] == 'attachment; filename="a-red-fox-in-snow_ltx-2-pro_6s.mp4"'
    )


def test_the_signed_address_stays_out_of_the_log(bucket, get, caplog):
    with caplog.at_level(logging.DEBUG):
        signed = urlsplit(get()["Location"]).query
    assert {"X-Amz-Signature", "Signature"} & parse_qs(signed).keys()
    assert not [value for values in parse_qs(signed).values() for value in values if value in caplog.text]


def test_s3_sends_the_part_itself(bucket, get):
    file = requests.get(get()["Location"], headers={"Range": "bytes=5-9"}, timeout=10)
    assert (file.status_code, file.content) == (206, DATA[5:10])
