"""Pictures and videos through the API: sent, listed, looked at, deleted; and what is refused."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from generation import services
from generation.models import Job, Status, Upload
from generation.services import uploading
from tests.api.test_errors import assert_problem
from tests.make import make_job
from tests.media import bomb, ffconcat, gif, jpeg, make_upload, mov, mp4, png, webm, webp

ADDRESS = "/api/v1/uploads"
MEMBERS = {
    *("id", "kind", "name", "content_type", "size_bytes", "sha256", "width", "height", "seconds", "has_audio"),
    "created_at",
}


@pytest.fixture
def send(api):
    """Sends a file in the part "file"."""

    def post(data, name="fox.png", **fields):
        return api.post(ADDRESS, {"file": SimpleUploadedFile(name, data), **fields}, format="multipart")

    return post


def kept_files():
    """Names of all that lies in the storage for uploads."""
    folder = Path(default_storage.path("uploads"))
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def assert_nothing_kept():
    assert not Upload.objects.exists()
    assert not kept_files()
    assert not incoming()


def incoming():
    """Files that are on their way in."""
    return list(Path(django_settings.FILE_UPLOAD_TEMP_DIR).iterdir())


# --- Sent -------------------------------------------------------------------------------------------------------------


def test_a_picture_is_kept_and_has_its_place(send, api, alice):
    data = png(80, 60)
    answer = send(data, "a fox.png")
    upload = Upload.objects.get()
    assert answer.status_code == 201
    assert urlsplit(answer["Location"]).path == f"{ADDRESS}/{upload.pk}"
    assert answer.json() == {
        "id": str(upload.pk),
        "kind": "image",
        "name": "a fox.png",
        "content_type": "image/png",
        "size_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "width": 80,
        "height": 60,
        "seconds": None,
        "has_audio": None,
        "created_at": upload.created_at.isoformat().replace("+00:00", "Z"),
    }
    assert api.get(answer["Location"]).json() == answer.json()
    assert upload.user == alice
    assert kept_files() == [f"{upload.pk}.png"]
    assert Path(upload.file.path).read_bytes() == data
    assert not incoming()


@pytest.mark.parametrize("has_sound", [True, False])
@pytest.mark.parametrize(("make", "content_type"), [(mp4, "video/mp4"), (mov, "video/quicktime"), (webm, "video/webm")])
def test_a_video_is_measured(send, make, content_type, has_sound):
    body = send(make(1.5, 96, 64, audio=has_sound), "fox.bin").json()
    assert (body["kind"], body["content_type"]) == ("video", content_type)
    assert (body["width"], body["height"], body["seconds"], body["has_audio"]) == (96, 64, 1.5, has_sound)


@pytest.mark.parametrize(("make", "content_type"), [(png, "image/png"), (jpeg, "image/jpeg"), (webp, "image/webp")])
def test_a_picture_is_known_by_its_bytes_and_not_by_its_name(send, make, content_type):
    assert send(make(), "fox.mp4").json()["content_type"] == content_type


@pytest.mark.parametrize("name", ["../../etc/passwd", "..\\fox.png", "狐.png", "a\tb.png", "x" * 500 + ".png"])
def test_a_name_is_only_shown(send, name):
    answer = send(png(), name)
    assert answer.status_code == 201
    assert "/" not in answer.json()["name"]
    assert kept_files() == [f"{answer.json()['id']}.png"]


def test_the_same_file_twice_makes_two(send):
    assert send(png()).json()["id"] != send(png()).json()["id"]
    assert len(kept_files()) == 2


def test_a_session_may_send_files_with_the_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = "x" * 32
    answer = client.post(ADDRESS, {"file": SimpleUploadedFile("fox.png", png())}, HTTP_X_CSRFTOKEN="x" * 32)
    assert answer.status_code == 201
    assert Upload.objects.get().user == alice


def test_a_session_without_the_csrf_token_may_not(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    answer = client.post(ADDRESS, {"file": SimpleUploadedFile("fox.png", png())})
    assert_problem(answer, 403, "permission_denied")
    assert_nothing_kept()


def test_the_file_of_nobody_is_not_read(alice, monkeypatch):
    monkeypatch.setattr("generation.api.parsers.takes_files", lambda request: pytest.fail("it was let in"))
    answer = APIClient().post(ADDRESS, {"file": SimpleUploadedFile("fox.png", png())}, format="multipart")
    assert_problem(answer, 401, "not_authenticated")


# --- Refused ----------------------------------------------------------------------------------------------------------

NO_MEDIA = {
    "text": (b"a red fox in snow", "fox.mp4", "it is text"),
    "a list of files": (ffconcat(), "fox.mp4", "a list of files for FFmpeg"),
    "a playlist": (b"#EXTM3U\nhttp://example.org/x.ts\n", "fox.mp4", "a playlist"),
    "a GIF": (gif(), "fox.png", "a GIF"),
    "nothing at all": (b"", "fox.mp4", "This file is empty"),
    "half a PNG": (png()[:60], "fox.png", "can't be read"),
    "the beginning of an MP4": (mp4()[:200], "fox.mp4", "can't be read"),
    "an MP4 of nothing": (b"\0\0\0\x18ftypisom\0\0\0\0isomiso2", "fox.mp4", "can't be read"),
    "zeros": (bytes(5000), "fox.mp4", "This is no picture or video"),
}


@pytest.mark.parametrize(("data", "name", "words"), NO_MEDIA.values(), ids=NO_MEDIA)
def test_what_is_no_picture_or_video_is_refused_and_not_kept(send, data, name, words):
    body = assert_problem(send(data, name), 400, "invalid_media", "file")
    (error,) = body["errors"]
    assert error["pointer"] == "#/file"
    assert words in error["detail"]
    assert_nothing_kept()


@pytest.mark.parametrize("side", [6000, 9000, 30_000])
def test_a_bomb_is_never_unfolded(send, side):
    body = assert_problem(send(bomb(side)), 413, "media_too_large", "file")
    assert "pixels" in body["detail"]
    assert "allowed" in body["detail"]
    assert_nothing_kept()


def test_a_picture_with_too_many_bytes_is_refused(send, settings):
    settings.UPLOAD_IMAGE_BYTES = 100
    body = assert_problem(send(png()), 413, "media_too_large", "file")
    assert "allowed for pictures" in body["detail"]
    assert_nothing_kept()


def test_a_video_that_is_too_long_is_refused(send, settings):
    settings.UPLOAD_VIDEO_SECONDS = 1
    body = assert_problem(send(mp4(1.5)), 413, "media_too_large", "file")
    assert "This is 1.5 s long; allowed: at most 1 s." in body["detail"]
    assert_nothing_kept()


@pytest.mark.parametrize("times", [1, 1.5, 3])
def test_what_is_longer_than_any_file_is_not_taken_in(send, settings, times):
    settings.UPLOAD_VIDEO_BYTES = 200_000
    body = assert_problem(send(mp4() + bytes(int(200_000 * times))), 413, "media_too_large", "file")
    assert "allowed: at most 0.2 MB for videos" in body["detail"]
    assert_nothing_kept()


def test_nothing_sent_is_named(api):
    for answer in (
        api.post(ADDRESS, {}, format="multipart"),
        api.generic("POST", ADDRESS, b"", content_type="multipart/form-data; boundary=x"),
        api.generic("POST", ADDRESS),
    ):
        body = assert_problem(answer, 400, "invalid_input", "file")
        assert body["errors"][0]["pointer"] == "#/file"
        assert "PNG" in body["detail"]
        assert "MP4" in body["detail"]


def test_text_in_the_place_of_the_file_is_named(api):
    body = assert_problem(api.post(ADDRESS, {"file": "fox.png"}, format="multipart"), 400, "invalid_input", "file")
    assert '"fox.png" is text' in body["detail"]


def test_another_field_is_named(send):
    body = assert_problem(send(png(), prompt="A red fox"), 400, "invalid_input", "prompt")
    assert "it takes: file" in body["detail"]
    assert_nothing_kept()


def test_a_file_in_another_field_is_named(api):
    answer = api.post(ADDRESS, {"image": SimpleUploadedFile("fox.png", png())}, format="multipart")
    body = assert_problem(answer, 400, "invalid_input", "image")
    assert "allowed as files: file" in body["detail"]
    assert_nothing_kept()


def test_two_files_are_one_too_many(api):
    files = [SimpleUploadedFile("a.png", png()), SimpleUploadedFile("b.png", png())]
    body = assert_problem(api.post(ADDRESS, {"file": files}, format="multipart"), 400, "invalid_input", "file")
    assert "given 2 times" in body["detail"]
    assert_nothing_kept()


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\xe4"],
)
def test_a_form_without_a_boundary_is_a_parse_error(api, content_type):
    assert_problem(api.generic("POST", ADDRESS, b"x", content_type=content_type), 400, "parse_error")


@pytest.mark.parametrize("charset", ["utf-16", "zlib", "no-such-charset"])
def test_the_charset_of_the_caller_does_not_change_how_a_form_is_read(api, charset):
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="fox.png"\r\n\r\n' + png() + b"\r\n--x--\r\n"
    content_type = f"multipart/form-data; boundary=x; charset={charset}"
    assert api.generic("POST", ADDRESS, part, content_type=content_type).status_code == 201


def test_a_form_that_ends_in_the_middle_keeps_nothing(api):
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="fox.png"\r\n\r\n' + png()[:50]
    answer = api.generic("POST", ADDRESS, part, content_type="multipart/form-data; boundary=x")
    assert answer.status_code == 400
    assert_nothing_kept()


def test_too_many_fields_or_too_much_text_is_refused(api, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert_problem(api.post(ADDRESS, {"text": "x" * 2000}, format="multipart"), 413, "body_too_large")
    many = {f"p{number}": "1" for number in range(1100)}
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000_000
    assert api.post(ADDRESS, many, format="multipart").status_code == 400


def test_whoever_keeps_too_many_is_told(send, monkeypatch):
    monkeypatch.setattr(uploading, "_MOST_UNUSED", 2)
    assert [send(png()).status_code for _ in range(2)] == [201, 201]
    body = assert_problem(send(png()), 409, "too_many_uploads")
    assert "2 uploads" in body["detail"]
    assert len(kept_files()) == 2


def test_a_storage_that_fails_leaves_no_row(send, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("no space left")

    monkeypatch.setattr(default_storage, "save", full)
    assert_problem(send(png()), 500, "server_error")
    assert not Upload.objects.exists()


# --- Listed and deleted -----------------------------------------------------------------------------------------------


def test_the_list_has_the_newest_first_and_the_own_alone(api, alice, bob):
    uploads = [make_upload(alice), make_upload(alice, mp4())]
    make_upload(bob)
    page = api.get(ADDRESS).json()
    assert set(page) == {"results", "next", "previous"}
    assert [UUID(upload["id"]) for upload in page["results"]] == [upload.pk for upload in reversed(uploads)]
    assert all(set(upload) == MEMBERS for upload in page["results"])


def test_the_list_is_read_page_by_page(api, alice):
    made = [str(make_upload(alice).pk) for _ in range(3)][::-1]
    first = api.get(ADDRESS, {"limit": 2}).json()
    make_upload(alice)
    second = api.get(first["next"]).json()
    assert [upload["id"] for upload in [*first["results"], *second["results"]]] == made
    assert second["next"] is None


@pytest.mark.parametrize(("name", "value"), [("limit", "0"), ("limit", "many"), ("cursor", "nonsense")])
def test_a_wrong_parameter_of_the_list_is_named(api, name, value):
    body = assert_problem(api.get(ADDRESS, {name: value}), 400, "invalid_input", name)
    if name == "limit":
        assert "number of uploads; allowed: 1 to 200" in body["detail"]


def test_a_list_of_many_takes_as_many_queries_as_one_of_few(api, alice):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            assert api.get(ADDRESS).status_code == 200
        return len(captured)

    make_upload(alice)
    queries()  # writes the last use of the key
    few = queries()
    for _ in range(5):
        make_upload(alice)
    assert queries() == few <= 4


def test_a_deleted_upload_is_gone_with_its_file(api, alice):
    upload = make_upload(alice)
    answer = api.delete(f"{ADDRESS}/{upload.pk}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert api.get(f"{ADDRESS}/{upload.pk}").status_code == 404
    assert api.delete(f"{ADDRESS}/{upload.pk}").status_code == 404
    assert api.get(ADDRESS).json()["results"] == []
    assert not kept_files()


@pytest.mark.parametrize("status", [Status.QUEUED, Status.SUBMITTING])
def test_an_upload_that_a_waiting_job_needs_is_not_deleted(api, alice, status):
    upload = make_upload(alice)
    make_job(alice, status=status, upload=upload)
    assert_problem(api.delete(f"{ADDRESS}/{upload.pk}"), 409, "in_use")
    assert kept_files()


@pytest.mark.parametrize("status", set(Status) - {Status.QUEUED, Status.SUBMITTING})
def test_an_upload_whose_jobs_were_sent_is_deleted_and_they_keep_its_name(api, alice, status):
    upload = make_upload(alice)
    job = make_job(alice, status=status, upload=upload)
    assert api.delete(f"{ADDRESS}/{upload.pk}").status_code == 204
    assert api.get(f"/api/v1/jobs/{job.pk}").json()["upload"] == str(upload.pk)


def test_strangers_see_no_upload(api, bob):
    theirs = make_upload(bob)
    nothing = uuid4()
    for method in (api.get, api.delete):
        answers = [method(f"{ADDRESS}/{pk}").json() | {"request_id": ""} for pk in (theirs.pk, nothing)]
        assert answers[0] == answers[1]
        assert answers[0]["status"] == 404
    assert Upload.objects.get().deleted_at is None


def test_one_that_is_deleted_meanwhile_makes_no_job(api, alice, monkeypatch):
    upload = make_upload(alice)
    spec_of = services.spec_of

    def and_deleted(user, wish):
        spec = spec_of(user, wish)
        Upload.objects.filter(pk=upload.pk).update(deleted_at=timezone.now())
        return spec

    monkeypatch.setattr(services, "spec_of", and_deleted)
    wish = {"model": "ltx-2-pro", "prompt": "A red fox", "image": str(upload.pk)}
    assert_problem(api.post("/api/v1/jobs", wish), 400, "invalid_input", "image")
    assert not Job.objects.exists()
