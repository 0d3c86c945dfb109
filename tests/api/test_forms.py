"""Jobs and quotes as forms: a file comes along, and text is taken for what the catalogue says."""

from contextlib import contextmanager
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.catalog import HUNYUAN, LTX_2_PRO, LTX_2_PRO_IMAGE, LTX_2_RETAKE
from generation.models import Job, Status, Upload
from tests.api.test_errors import assert_nothing_written, assert_problem
from tests.api.test_uploads import incoming, kept_files
from tests.conftest import api_of
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.media import bomb, make_upload, mp4, png

PROMPT = "A red fox in snow"
ADDRESSES = ["/api/v1/jobs", "/api/v1/quotes"]


@pytest.fixture
def form(api):
    """Sends a form; bytes are files."""

    def post(address="/api/v1/jobs", client=api, **fields):
        parts = {
            name: SimpleUploadedFile(f"{name}.bin", value) if isinstance(value, bytes) else value
            for name, value in fields.items()
        }
        return client.post(address, {"prompt": PROMPT, **parts}, format="multipart")

    return post


@contextmanager
def nothing_kept():
    """Shows that the block leaves no upload, no file and no job behind."""
    yield
    assert not Upload.objects.filter(deleted_at__isnull=True).exists()
    assert not kept_files()
    assert not incoming()
    assert_nothing_written()


# --- Files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ltx-2-pro", LTX_2_PRO_IMAGE.id])
def test_a_picture_comes_along_with_its_wish(form, alice, name):
    answer = form(model=name, image=png(), duration="8", generate_audio="false")
    body = answer.json()
    upload = Upload.objects.get()
    assert answer.status_code == 202, body
    assert (body["model"], body["upload"]) == (LTX_2_PRO_IMAGE.id, str(upload.pk))
    assert body["parameters"] == {"duration": 8, "generate_audio": False}
    assert (upload.user, upload.name, upload.deleted_at) == (alice, "image.bin", None)
    assert kept_files() == [f"{upload.pk}.png"]
    assert Job.objects.get().upload == upload


def test_a_video_comes_along_with_its_retake(form):
    body = form(model="ltx-2-retake", video=mp4(2.3), start_time="0.5", end_time="2", mode="replace_video").json()
    assert body["parameters"] == {"start_time": 0.5, "end_time": 2, "mode": "replace_video"}
    assert body["cost"]["held"] == "0.30"
    assert body["upload"] == str(Upload.objects.get().pk)


def test_a_quote_with_a_file_keeps_nothing(form):
    with nothing_kept():
        quote = form("/api/v1/quotes", model="ltx-2-retake", video=mp4(2.3)).json()
    assert (quote["cost"], quote["fits"]) == ("0.30", True)
    assert not Upload.objects.exists()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_form_may_name_an_upload_or_a_job_as_well(form, alice, address):
    picture, job = make_upload(alice), make_job(alice, status=Status.SUCCEEDED)
    assert form(address, model="ltx-2-pro", image=str(picture.pk)).json()["model"] == LTX_2_PRO_IMAGE.id
    assert form(address, model="ltx-2-retake", source_job=str(job.pk)).status_code in {200, 202}
    assert Upload.objects.count() == 1


def test_a_session_may_send_forms_with_the_csrf_token(alice):
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    client.cookies["csrftoken"] = "x" * 32
    wish = {"model": "ltx-2-pro", "prompt": PROMPT}
    for token, status in (("", 403), ("x" * 32, 202)):
        parts = wish | {"image": SimpleUploadedFile("fox.png", png())}
        assert client.post("/api/v1/jobs", parts, HTTP_X_CSRFTOKEN=token).status_code == status
        assert Upload.objects.exists() == (status == 202)


# --- Text -------------------------------------------------------------------------------------------------------------


def test_a_form_without_a_file_says_what_json_says(form, api):
    text = {"duration": "10", "seed": "7", "negative_prompt": "7", "size": "832*480"}
    told = form(model="hunyuan-video-1.5", **text).json()["parameters"]
    said = {"model": "hunyuan-video-1.5", "prompt": PROMPT, **text, "duration": 10, "seed": 7}
    assert told == api.post("/api/v1/jobs", said).json()["parameters"]
    assert told == {"duration": 10, "seed": 7, "negative_prompt": "7", "size": "832*480"}


@pytest.mark.parametrize(
    ("model", "field", "text", "allowed"),
    [
        (LTX_2_PRO, "duration", "six", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "6.0", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "true", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "06", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "\uff16", "6, 8 or 10"),
        (LTX_2_PRO, "duration", "[" * 90, "6, 8 or 10"),
        (LTX_2_PRO, "duration", "9" * 5000, "6, 8 or 10"),
        (LTX_2_PRO, "generate_audio", "yes", "true or false"),
        (LTX_2_PRO, "generate_audio", "1", "true or false"),
        (LTX_2_PRO, "generate_audio", "True", "true or false"),
        (HUNYUAN, "seed", "1e3", "-1 to 2147483647"),
        (HUNYUAN, "seed", "-2", "-1 to 2147483647"),
        (LTX_2_RETAKE, "start_time", "soon", "0 or more"),
        (LTX_2_RETAKE, "start_time", "-0.5", "0 or more"),
        (LTX_2_RETAKE, "end_time", "NaN", "0 or more"),
        (LTX_2_RETAKE, "end_time", "Infinity", "0 or more"),
        (LTX_2_RETAKE, "end_time", "1e999", "0 or more"),
    ],
    ids=lambda value: getattr(value, "names", [ascii(value)[:20]])[0],
)
@pytest.mark.parametrize("address", ADDRESSES)
def test_text_that_is_none_of_its_kind_is_complained_about_as_it_is(form, model, field, text, allowed, address):
    files = {"video": mp4()} if model is LTX_2_RETAKE else {}
    with nothing_kept():
        body = assert_problem(form(address, model=model.id, **files, **{field: text}), 400, "invalid_input", field)
    assert f"allowed: {allowed}" in body["detail"]
    if text.isascii() and text.isalpha() and text not in {"true", "NaN", "Infinity"}:
        assert f'"{text}"' in body["detail"]


def test_ignored_text_gives_its_warning(form):
    body = form(model="ltx-2-pro", image=png(), seed="seven", resolution="").json()
    assert [warning["parameter"] for warning in body["warnings"]] == ["seed", "resolution"]


@pytest.mark.parametrize("model", ["", "sora-2", "ltx-2-pro "])
def test_a_form_for_a_model_that_nobody_knows_keeps_nothing(form, model):
    with nothing_kept():
        assert_problem(form(model=model, image=png(), duration="6"), 400, "invalid_input", "model")


def test_an_empty_form_lacks_the_model(api):
    for body in (b"", b"--x--\r\n"):
        answer = api.generic("POST", "/api/v1/jobs", body, content_type="multipart/form-data; boundary=x")
        assert_problem(answer, 400, "invalid_input", "model")


# --- Cut off ----------------------------------------------------------------------------------------------------------


def form_of(image):
    fields = {"model": "ltx-2-pro", "prompt": PROMPT}
    texts = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items())
    file = b'--x\r\nContent-Disposition: form-data; name="image"; filename="fox.png"\r\n\r\n'
    return texts.encode() + file + image + b"\r\n--x--\r\n"


@pytest.mark.parametrize("missing", [1, 8, 60, 190, 240, 300])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_form_that_is_cut_off_is_no_other_wish(api, address, missing):
    # Cut before its picture, it would be a video from text alone, which nobody asked for.
    body = form_of(png())
    content_type = "multipart/form-data; boundary=x"
    with nothing_kept():
        cut = {"wsgi.input": BytesIO(body[:-missing])}  # which ends before the length that was declared
        assert_problem(api.generic("POST", address, body, content_type=content_type, **cut), 400, "parse_error")
    assert api.generic("POST", address, body, content_type=content_type).status_code in {200, 202}


def test_a_form_whose_file_never_ends_is_no_other_wish(api):
    with nothing_kept():
        answer = api.generic("POST", ADDRESSES[0], form_of(png())[:-20], content_type="multipart/form-data; boundary=x")
        assert_problem(answer, 400, "parse_error")


# --- Refused: nothing is kept -----------------------------------------------------------------------------------------

REFUSED = {
    "a wrong duration": ({"duration": "7"}, "duration"),
    "a prompt too long": ({"prompt": "x" * 5001}, "prompt"),
    "an unknown parameter": ({"fps": "24"}, "fps"),
    "a file where none belongs": ({"audio": b"x"}, "audio"),
    "a file for a prompt": ({"prompt": b"x"}, "prompt"),
    "a video beside the picture": ({"video": mp4()}, "video"),
    "a source job beside the picture": ({"source_job": "x"}, "source_job"),
    "no amount": ({"max_cost": "a lot"}, "max_cost"),
    "a text model by its full id": ({"model": LTX_2_PRO.id}, "image"),
}


@pytest.mark.parametrize(("change", "field"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("address", ADDRESSES)
def test_what_is_wrong_beside_the_file_leaves_nothing(form, change, field, address):
    with nothing_kept():
        body = assert_problem(
            form(address, **{"model": "ltx-2-pro", "image": png()} | change), 400, "invalid_input", field
        )
    assert body["errors"][0]["pointer"] == f"#/{field}"
    assert not Upload.objects.exists()


def test_a_job_and_a_video_at_once_are_one_too_many(form, alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    answer = form(model="ltx-2-retake", video=mp4(), source_job=str(job.pk))
    assert "not both" in assert_problem(answer, 400, "invalid_input", "source_job")["detail"]
    assert not Upload.objects.exists()


def test_a_field_said_twice_is_named(form):
    with nothing_kept():
        body = assert_problem(
            form(model="ltx-2-pro", image=png(), duration=["6", "8"]), 400, "invalid_input", "duration"
        )
    assert "given 2 times; allowed: once" in body["detail"]


@pytest.mark.parametrize("address", ADDRESSES)
@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"text", 400, "invalid_media"),
        (b"", 400, "invalid_media"),
        (mp4(), 400, "invalid_media"),
        (bomb(), 413, "media_too_large"),
    ],
    ids=["text", "empty", "video", "bomb"],
)
def test_a_file_that_is_no_picture_is_refused_by_its_field(form, address, data, status, code):
    with nothing_kept():
        body = assert_problem(form(address, model="ltx-2-pro", image=data), status, code, "image")
    assert body["errors"][0]["pointer"] == "#/image"
    assert "allowed" in body["detail"]


def test_a_picture_for_a_retake_is_refused_by_its_field(form):
    with nothing_kept():
        body = assert_problem(form(model="ltx-2-retake", video=png()), 400, "invalid_media", "video")
    assert "This is a picture; allowed: an MP4, MOV or WebM video." in body["detail"]


def test_a_file_that_is_too_large_is_refused_by_its_field(form, settings):
    settings.UPLOAD_VIDEO_BYTES = 1000
    with nothing_kept():
        assert_problem(form(model="ltx-2-retake", video=mp4()), 413, "media_too_large", "video")


def test_a_price_that_is_too_high_leaves_nothing(form):
    with nothing_kept():
        body = assert_problem(form(model="ltx-2-pro", image=png(), max_cost="0.35"), 409, "price_changed", "max_cost")
    assert body["quote"]["cost"] == "0.36"
    assert form(model="ltx-2-pro", image=png(), max_cost="0.36").status_code == 202


@pytest.mark.django_db
def test_used_up_quota_leaves_nothing(form):
    api = api_of(make_user(plan=make_plan(videos_limit=0)))
    with nothing_kept():
        assert_problem(form(client=api, model="ltx-2-pro", image=png()), 402, "insufficient_quota")


@pytest.mark.django_db
def test_a_model_that_the_plan_lacks_leaves_nothing(form):
    api = api_of(make_user(plan=make_plan(models_allowed=[])))
    with nothing_kept():
        assert_problem(form(client=api, model="ltx-2-pro", image=png()), 403, "model_not_in_plan", "model")
    assert not Upload.objects.exists()


def test_a_closed_model_leaves_nothing(form):
    services.close(model=LTX_2_PRO_IMAGE.id, reason="Not today.", by=ACTOR, now=timezone.now())
    with nothing_kept():
        assert_problem(form(model="ltx-2-pro", image=png()), 409, "model_closed", "model")
    assert not Upload.objects.exists()


def test_what_nobody_expected_leaves_nothing(form, monkeypatch):
    def explode(*args, **kwargs):
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(services, "create", explode)
    with nothing_kept():
        assert_problem(form(model="ltx-2-pro", image=png()), 500, "server_error")
    assert not Hold.objects.exists()
