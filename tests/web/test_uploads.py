"""Pictures and videos in the composer: as multipart without a script, at once with one."""

import re
from io import BytesIO
from uuid import uuid4

import pytest
from django.test import Client

from generation.catalog import HUNYUAN, HUNYUAN_IMAGE, LTX_2_PRO, LTX_2_PRO_IMAGE, LTX_2_RETAKE
from generation.models import Job, Upload
from tests import media
from tests.web.reading import source, value_of, words
from tests.web.test_studio import HTMX, sent


def file(data: bytes, name: str) -> BytesIO:
    """Return what the test client sends as a file."""
    found = BytesIO(data)
    found.name = name
    return found


def picture() -> BytesIO:
    return file(media.png(), "fox.png")


def upload(client: Client, **fields: object):
    """Choose a file in the form, with a script."""
    return client.post("/studio/upload", sent(client, **fields), headers=HTMX)


def test_a_picture_goes_with_the_form_and_makes_a_video_that_begins_with_it(alice, browser_of_alice):
    answer = browser_of_alice.post("/", sent(browser_of_alice, image_file=picture()))
    assert answer.status_code == 303, words(answer)
    job, kept = Job.objects.get(), Upload.objects.get()
    assert (job.model, job.upload, job.hold.spend) == (LTX_2_PRO_IMAGE.id, kept, 360_000)
    assert (kept.user, kept.name, kept.width, kept.height) == (alice, "fox.png", 64, 48)


def test_a_picture_of_a_family_whose_twin_has_other_fields_is_made_with_the_second_press(browser_of_alice):
    form = sent(browser_of_alice, model=HUNYUAN.id, shown=HUNYUAN.id, duration="5", size="480*832", max_cost="100000")
    answer = browser_of_alice.post("/", form | {"image_file": picture()})
    assert answer.status_code == 409
    assert 'name="resolution" value="480p" checked' in source(answer), "as small as was chosen before"
    again = form | {
        "image": value_of(answer, "image"),
        "shown": HUNYUAN_IMAGE.id,
        "resolution": "480p",
        "max_cost": value_of(answer, "max_cost"),
    }
    assert browser_of_alice.post("/", again).status_code == 303
    job = Job.objects.get()
    assert (job.model, job.parameters) == (HUNYUAN_IMAGE.id, {"resolution": "480p", "duration": 5, "seed": -1})


def test_the_twin_has_fields_of_its_own(browser_of_alice):
    answer = upload(browser_of_alice, model=HUNYUAN.id, shown=HUNYUAN.id, negative_prompt="snow", image_file=picture())
    page = words(answer)
    assert "Resolution 480p $0.10 720p $0.20" in page
    assert "HunyuanVideo-1.5, from a picture has no sound or “What to avoid”." in page
    assert 'name="size"' not in source(answer)


def test_with_a_script_the_file_is_kept_at_once_and_answered_with_its_preview(browser_of_alice):
    answer = upload(browser_of_alice, image_file=picture())
    kept, html = Upload.objects.get(), source(answer)
    assert answer.status_code == 200
    assert value_of(answer, "image") == str(kept.pk)
    assert f'<img src="/uploads/{kept.pk}" width="64" height="48"' in html
    assert "fox.png 64×48" in words(answer)
    assert "fox.png is chosen. $0.36." in words(answer)
    assert re.search(r'<button type="submit"[^>]* name="discard" value="image" formnovalidate data-autofocus>', html)
    assert '<div id="offer" class="card__foot composer__foot stack stack--tight" hx-swap-oob="true">' in html
    assert not Job.objects.exists()


@pytest.mark.parametrize(
    ("data", "name", "words_"),
    [
        (b"PK\x03\x04 and so on", "fox.png", "it begins like a ZIP file; allowed: PNG, JPEG or WebP pictures"),
        (b"", "fox.png", "The file is empty"),
        (media.bomb(), "fox.png", "30000×30000 pixels"),
        (media.mp4(), "fox.png", "This is a video; allowed: a PNG, JPEG or WebP picture."),
    ],
    ids=["zip", "empty", "bomb", "video"],
)
@pytest.mark.parametrize("path", ["/", "/studio/upload"])
def test_what_is_no_picture_is_told_at_its_field(browser_of_alice, path, data, name, words_):
    form = sent(browser_of_alice, prompt="A red fox", image_file=file(data, name))
    answer = browser_of_alice.post(path, form, headers=HTMX)
    if data:
        assert answer.status_code == 422
        assert words_ in words(answer)
        assert re.search(r'id="file-image"[^>]* aria-invalid="true"', source(answer))
    assert not Upload.objects.exists()


@pytest.mark.parametrize("size", [1500, 5000], ids=["a little", "far"])
@pytest.mark.parametrize("path", ["/", "/studio/upload"])
def test_what_is_larger_than_anything_is_not_read_to_its_end(browser_of_alice, settings, path, size):
    settings.UPLOAD_VIDEO_BYTES = 1000
    form = sent(browser_of_alice, prompt="A red fox", image_file=file(media.png() + bytes(size), "fox.png"))
    answer = browser_of_alice.post(path, form, headers=HTMX)
    assert answer.status_code == 422
    assert "This is larger than any file; allowed: at most 1.0 kB." in words(answer)
    assert not Upload.objects.exists()


def test_a_chosen_picture_survives_other_models_and_comes_back(browser_of_alice):
    form = sent(browser_of_alice)
    picture_id = value_of(upload(browser_of_alice, image_file=picture()), "image")
    answer = browser_of_alice.post("/studio/offer", form | {"image": picture_id, "model": LTX_2_RETAKE.id})
    assert value_of(answer, "image") == picture_id
    assert "LTX-2 Retake has no “Start picture”." in words(answer)
    back = form | {"image": picture_id, "shown": LTX_2_RETAKE.id}
    answer = browser_of_alice.post("/studio/offer", back)
    assert "fox.png 64×48" in words(answer)


def test_remove_lets_it_go(browser_of_alice):
    picture_id = value_of(upload(browser_of_alice, image_file=picture()), "image")
    form = sent(browser_of_alice, image=picture_id, shown=LTX_2_PRO_IMAGE.id, discard="image", prompt="A fox")
    answer = browser_of_alice.post("/", form)
    assert answer.status_code == 200
    assert 'name="image_file"' in source(answer)
    assert "A fox</textarea>" in source(answer)
    assert value_of(answer, "shown") == LTX_2_PRO.id


def test_a_picture_of_somebody_else_does_not_exist(bob, browser_of_alice):
    theirs = media.make_upload(bob)
    answer = browser_of_alice.post("/", sent(browser_of_alice, image=str(theirs.pk)))
    assert answer.status_code == 422
    assert "fox.png" not in words(answer)
    assert not Job.objects.exists()


def test_a_picture_that_is_gone_is_told_before_anything_is_made(alice, browser_of_alice):
    gone = media.make_upload(alice)
    Upload.objects.update(deleted_at=gone.created_at)
    answer = browser_of_alice.post("/studio/offer", sent(browser_of_alice, image=str(gone.pk)))
    assert "What was chosen here has been deleted meanwhile; choose another one." in words(answer)


def test_the_picture_is_shown_to_its_owner_only(alice, browser_of_alice, browser_of_bob, client):
    kept = media.make_upload(alice)
    answer = browser_of_alice.get(f"/uploads/{kept.pk}")
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "private" in answer["Cache-Control"]
    assert b"".join(answer.streaming_content) == media.png()
    assert browser_of_bob.get(f"/uploads/{kept.pk}").status_code == 404
    assert browser_of_alice.get(f"/uploads/{uuid4()}").status_code == 404
    assert client.get(f"/uploads/{kept.pk}").status_code == 302


def test_strangers_and_forged_forms_bring_nothing(alice, client):
    assert client.post("/studio/upload", {"image_file": picture()}).status_code == 302
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    for path in ("/", "/studio/upload"):
        assert strict.post(path, {"image_file": picture()}).status_code == 403
    assert not Upload.objects.exists()


def test_the_token_of_the_form_lets_a_file_in(alice):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    form = sent(strict, csrfmiddlewaretoken=strict.get("/").context["csrf_token"], image_file=picture())
    assert strict.post("/studio/upload", form).status_code == 200


def test_again_with_changes_brings_the_picture_along(alice, browser_of_alice):
    browser_of_alice.post("/", sent(browser_of_alice, image_file=picture()))
    answer = browser_of_alice.get(f"/?from={Job.objects.get().pk}")
    assert value_of(answer, "image") == str(Upload.objects.get().pk)
    assert f'value="{LTX_2_PRO.id}" checked' in source(answer)


def test_the_page_of_a_job_shows_the_picture_it_begins_with(browser_of_alice):
    browser_of_alice.post("/", sent(browser_of_alice, image_file=picture()))
    answer = browser_of_alice.get(f"/videos/{Job.objects.get().pk}/")
    assert "Start picture fox.png" in words(answer)
    assert f'src="/uploads/{Upload.objects.get().pk}"' in source(answer)
