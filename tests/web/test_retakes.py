"""Retake: of a finished video on a page of its own, of an uploaded one in the composer; and who descends from whom."""

import re
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from billing.models import Price
from generation import services
from generation.catalog import LTX_2_PRO, LTX_2_RETAKE
from generation.models import Job, Status, Upload
from tests import media
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, value_of, words
from tests.web.test_studio import HTMX, sent
from tests.web.test_uploads import file


@pytest.fixture
def video(alice) -> Job:
    """Is a finished video of Alice's, 6 s long."""
    return make_job(alice, status=Status.SUCCEEDED)


def address(video: Job) -> str:
    return f"/videos/{video.pk}/retake/"


def wish(client: Client, video: Job, **fields: object) -> dict[str, object]:
    """Return the form of a retake as a browser would send it."""
    page = client.get(address(video))
    hidden = {name: value_of(page, name) for name in ("token", "max_cost", "priced", "shown", "model", "source_job")}
    return {**hidden, "prompt": "It snows", "mode": "replace_video", "start_time": "", "end_time": "", **fields}


def test_the_page_shows_the_source_what_to_replace_and_the_price_of_its_whole_length(browser_of_alice, video):
    answer = browser_of_alice.get(address(video))
    page, html = words(answer), source(answer)
    assert f'src="/api/v1/jobs/{video.pk}/video"' in html
    assert "What to replace Picture and sound Sound only Picture only" in page
    assert "As long as the source: 6.0 s. The whole length is charged: $0.60." in page
    assert "$0.60 of play money" in page
    assert 'type="radio" name="model"' not in html


def test_a_retake_knows_its_source(alice, browser_of_alice, video):
    answer = browser_of_alice.post(address(video), wish(browser_of_alice, video, start_time="2", end_time="4.5"))
    job = Job.objects.get(model=LTX_2_RETAKE.id)
    assert (answer.status_code, answer["Location"]) == (303, f"/videos/{job.pk}/")
    assert (job.source_job, job.hold.spend) == (video, 600_000)
    assert job.parameters == {"mode": "replace_video", "start_time": 2, "end_time": 4.5}


def test_with_htmx_it_leads_to_the_page_of_the_retake(browser_of_alice, video):
    answer = browser_of_alice.post(address(video), wish(browser_of_alice, video), headers=HTMX)
    assert answer["HX-Redirect"] == f"/videos/{Job.objects.get(model=LTX_2_RETAKE.id).pk}/"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"prompt": " "}, "This is blank"),
        ({"end_time": "7"}, "7 is behind the end of the source; allowed: up to 6."),
        ({"start_time": "5", "end_time": "4"}, "5 leaves less than 0.1 s of a part"),
        ({"start_time": "soon"}, '"soon" is not a number'),
        ({"mode": "all"}, "is not offered; allowed"),
    ],
)
@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_what_is_wrong_is_told_at_its_field(browser_of_alice, video, fields, complaint, headers):
    answer = browser_of_alice.post(address(video), wish(browser_of_alice, video, **fields), headers=headers)
    assert answer.status_code == 422
    assert words(answer).count(complaint) >= 2
    assert f'href="#wish-{next(iter(fields))}"' in source(answer) or "5" in fields.values()
    assert Job.objects.count() == 1


def test_too_dear_is_402(db):
    user = make_user(plan=make_plan(spend_limit=400_000))
    video = make_job(user, status=Status.SUCCEEDED)
    client = browser_of(user)
    answer = client.post(address(video), wish(client, video))
    assert answer.status_code == 402
    assert "$0.60 needed, $0.04 left" in words(answer)


def test_a_price_that_rose_needs_a_second_press(browser_of_alice, video):
    form = wish(browser_of_alice, video)
    Price.objects.create(model=LTX_2_RETAKE.id, micros_per_second=200_000, starts_at=timezone.now())
    answer = browser_of_alice.post(address(video), form)
    assert answer.status_code == 409
    assert "The price is now $1.20 (was $0.60)." in words(answer)


def test_closed_is_told(browser_of_alice, video):
    form = wish(browser_of_alice, video)
    services.close(model=LTX_2_RETAKE.id, reason="Under repair.", by=ACTOR, now=timezone.now())
    answer = browser_of_alice.post(address(video), form)
    assert answer.status_code == 409
    assert "LTX-2 Retake is closed just now: Under repair." in words(answer)


def test_the_page_makes_a_retake_of_its_own_video_whatever_the_form_names(alice, browser_of_alice, video):
    other = make_job(alice, status=Status.SUCCEEDED)
    form = wish(browser_of_alice, video, source_job=str(other.pk), model=LTX_2_PRO.id, image=str(uuid4()))
    browser_of_alice.post(address(video), form)
    assert Job.objects.get(model=LTX_2_RETAKE.id).source_job == video


@pytest.mark.parametrize("status", [Status.RUNNING, Status.FAILED])
def test_only_a_finished_video_can_be_retaken(alice, browser_of_alice, status):
    assert browser_of_alice.get(address(make_job(alice, status=status))).status_code == 404


def test_a_stranger_sees_404(browser_of_bob, video):
    assert browser_of_bob.get(address(video)).status_code == 404
    assert browser_of_bob.post(address(video), {}).status_code == 404


# --- In the composer --------------------------------------------------------------------------------------------------


def test_without_a_video_there_is_no_price_and_it_says_why(browser_of_alice):
    answer = browser_of_alice.post("/studio/offer", sent(browser_of_alice, model=LTX_2_RETAKE.id), headers=HTMX)
    page = words(answer)
    assert "Choose a video first: its length makes the price." in page
    assert "MP4, MOV or WebM, at most 200 MB and 60 s." in page
    assert "max_cost" not in source(answer)
    assert "Length" not in page


def test_made_without_a_video_it_leads_to_the_field(browser_of_alice):
    form = sent(browser_of_alice, model=LTX_2_RETAKE.id, shown=LTX_2_RETAKE.id, max_cost="")
    answer = browser_of_alice.post("/", form)
    assert answer.status_code == 422
    assert "Source video : Choose the video that is to be changed." in words(answer)
    assert 'href="#wish-video"' in source(answer)


def test_an_uploaded_video_makes_the_price_and_then_the_retake(browser_of_alice):
    form = sent(browser_of_alice, model=LTX_2_RETAKE.id, shown=LTX_2_RETAKE.id, mode="replace_audio", max_cost="")
    answer = browser_of_alice.post("/studio/upload", form | {"video_file": file(media.mp4(2.0), "fox.mp4")})
    assert "fox.mp4 2.0 s · 64×48" in words(answer)
    assert "As long as the source: 2.0 s. The whole length is charged: $0.20." in words(answer)
    made = form | {"video": value_of(answer, "video"), "max_cost": value_of(answer, "max_cost")}
    assert browser_of_alice.post("/", made).status_code == 303
    job = Job.objects.get()
    assert (job.upload, job.parameters, job.hold.spend) == (Upload.objects.get(), {"mode": "replace_audio"}, 200_000)
    page = words(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert "Source fox.mp4" in page
    assert "Length 2.0 s, as the source" in page
    assert "Size 64×48, as the source" in page


def test_again_with_changes_brings_source_and_part_along(browser_of_alice, video):
    browser_of_alice.post(address(video), wish(browser_of_alice, video, start_time="2", end_time="4.5"))
    job = Job.objects.get(model=LTX_2_RETAKE.id)
    answer = browser_of_alice.get(f"/?from={job.pk}")
    html = source(answer)
    assert value_of(answer, "source_job") == str(video.pk)
    assert 'name="start_time" value="2"' in html
    assert 'name="end_time" value="4.5"' in html
    assert 'value="replace_video" checked' in html
    made = sent(browser_of_alice, model=LTX_2_RETAKE.id, shown=LTX_2_RETAKE.id, mode="replace_video")
    made |= {"source_job": str(video.pk), "max_cost": "600000", "prompt": "It rains"}
    assert browser_of_alice.post("/", made).status_code == 303


# --- Lineage ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def retake(alice, browser_of_alice, video) -> Job:
    """Is a retake of Alice's video."""
    browser_of_alice.post(address(video), wish(browser_of_alice, video, start_time="2", end_time="4.5"))
    return Job.objects.select_related("hold").get(model=LTX_2_RETAKE.id)


def test_source_and_retake_lead_to_each_other(browser_of_alice, video, retake):
    parent, child = (browser_of_alice.get(f"/videos/{job.pk}/") for job in (video, retake))
    assert "This one Retake It snows In the queue Picture only, 2 to 4.5 s" in words(parent)
    assert "Source A red fox in snow This one Picture only, 2 to 4.5 s" in words(child)
    assert f'href="/videos/{retake.pk}/"' in source(parent)
    assert f'href="/videos/{video.pk}/"' in source(child)


def test_the_facts_of_a_retake_name_source_part_and_what_is_replaced(browser_of_alice, retake):
    page = words(browser_of_alice.get(f"/videos/{retake.pk}/"))
    assert "Source A red fox in snow What to replace Picture only Replaced part 2 to 4.5 s" in page
    assert "Length 6.0 s, as the source Size 1920×1080, as the source" in page


def test_a_deleted_source_is_told_and_not_linked(browser_of_alice, video, retake):
    Job.objects.filter(pk=video.pk).update(deleted_at=timezone.now())
    answer = browser_of_alice.get(f"/videos/{retake.pk}/")
    assert "Source a video that has been deleted" in words(answer)
    assert f'href="/videos/{video.pk}/"' not in source(answer)


def test_a_tile_of_a_retake_leads_to_its_source(alice, browser_of_alice, video):
    make_job(alice, status=Status.SUCCEEDED, source_job=video, prompt="It snows")
    html = source(browser_of_alice.get("/gallery/"))
    assert len(re.findall(rf'<a href="/videos/{video.pk}/"><svg', html)) == 1
    assert "retake of A red fox in snow" in words(browser_of_alice.get("/gallery/"))


def test_the_page_of_a_job_without_relatives_has_no_strip(browser_of_alice, video):
    assert "Related" not in words(browser_of_alice.get(f"/videos/{video.pk}/"))


def test_a_video_of_a_model_that_is_no_longer_offered_can_still_be_read(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED, model="old/model", parameters={"duration": 6, "style": "noir"})
    page = words(browser_of_alice.get(f"/videos/{job.pk}/"))
    assert "Model old/model" in page
    assert "Style noir" in page
    again = browser_of_alice.get(f"/?from={job.pk}")
    assert f'value="{LTX_2_PRO.id}" checked' in source(again)
    assert "$0.36 of play money" in words(again)
    failed = make_job(alice, status=Status.FAILED, model="old/model", parameters={"style": "noir"})
    assert "Try again" not in words(browser_of_alice.get(f"/videos/{failed.pk}/"))
