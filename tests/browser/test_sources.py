"""Start pictures and retakes in a real browser: chosen, sent at once, made, and shown with where they come from."""

import re

import pytest
from playwright.sync_api import expect

from generation.catalog import HUNYUAN, LTX_2_PRO_IMAGE, LTX_2_RETAKE
from generation.models import Job, Status, Upload
from tests import engine, media
from tests.browser.chromium import NARROW, WIDE
from tests.make import make_job

looks = pytest.mark.parametrize(
    ("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)], ids=["light wide", "dark narrow"]
)


def make(page):
    return page.get_by_role("button", name=re.compile("^Make"))


def choose(page, label, data=None, name="fox.png"):
    """Choose a file in the field of this label."""
    mime = "video/mp4" if name.endswith("mp4") else "image/png"
    file = {"name": name, "mimeType": mime, "buffer": media.png() if data is None else data}
    page.get_by_label(label).set_input_files(file)


def priced(page, choose_it):
    """Choose something and wait for its price: while that is asked for, the old one is dimmed."""
    with page.expect_response("**/studio/offer"):
        choose_it()
    expect(page.locator("#offer[aria-busy]")).to_have_count(0)


def card(page, title):
    return page.locator(".choice", has_text=title)


@looks
def test_a_picture_is_sent_at_once_and_the_video_begins_with_it(new_page, login, axe, sandbox, alice, scheme, viewport):
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "Start picture")
    expect(page.locator(".chosen")).to_contain_text("fox.png")
    expect(page.get_by_role("button", name="Remove fox.png")).to_be_focused()
    expect(page.locator(".chosen img")).to_have_js_property("naturalWidth", 64)
    expect(page.get_by_label("What should happen?")).to_have_value("A red fox in snow")
    assert axe(page) == []
    make(page).click()
    expect(page.locator(".hero").get_by_role("heading")).to_be_focused()
    job = Job.objects.get()
    assert (job.model, job.upload) == (LTX_2_PRO_IMAGE.id, Upload.objects.get())
    assert engine.run(job).status == Status.SUCCEEDED
    page.goto(f"/videos/{job.pk}/")
    expect(page.locator(".thumb")).to_have_js_property("naturalWidth", 64)
    assert axe(page) == []


def test_a_picture_can_be_taken_away_again(page, login, alice):
    login(page, alice)
    page.goto("/")
    choose(page, "Start picture")
    page.get_by_role("button", name="Remove fox.png").click()
    expect(page.get_by_label("Start picture")).to_be_focused()
    expect(page.locator(".chosen")).to_have_count(0)


def test_what_is_no_picture_is_told_at_the_field(page, login, axe, alice):
    login(page, alice)
    page.goto("/")
    choose(page, "Start picture", b"PK\x03\x04 and so on")
    expect(page.locator("#wish-image")).to_contain_text("it begins like a ZIP file; allowed: PNG, JPEG or WebP")
    expect(page.get_by_label("Start picture")).to_be_focused()
    assert axe(page) == []
    assert not Upload.objects.exists()


def test_what_is_too_large_is_not_even_sent(page, login, settings, alice):
    settings.UPLOAD_IMAGE_BYTES = 50
    login(page, alice)
    page.goto("/")
    sent = []
    page.on("request", lambda request: sent.append(request.url))
    choose(page, "Start picture")
    expect(page.locator("#wish-image")).to_contain_text(re.compile(r"This has .* MB; at most .* MB\."))
    assert not [url for url in sent if url.endswith("/studio/upload")]


@pytest.fixture
def slow(page, login, alice):
    """Is the studio, in which a picture is on its way until it is let go; returns the page and how to let go."""
    login(page, alice)
    page.goto("/")
    held = []
    page.route("**/studio/upload", lambda route: held.append(route))  # noqa: PLW0108 - Playwright marks it
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "Start picture")
    expect(page.get_by_role("progressbar")).to_be_visible()
    return page, lambda: held.pop().continue_()


def test_a_file_may_take_longer_than_any_other_request(slow):
    page, let_go = slow
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.evaluate("htmx.config.timeout = 100")
    with page.expect_request("**/studio/upload"):
        choose(page, "Start picture")
    page.wait_for_timeout(400)  # what is tested is that nothing happens meanwhile
    let_go()
    expect(page.locator(".chosen")).to_be_visible()


def test_nothing_is_made_while_a_file_is_on_its_way(slow):
    page, let_go = slow
    make(page).click()
    expect(page.locator("#wish-image")).to_contain_text("The file is still on its way.")
    let_go()
    expect(page.locator(".chosen")).to_be_visible()
    make(page).click()
    expect(page.locator(".hero").get_by_role("heading")).to_be_focused()
    assert Job.objects.get().upload


def test_a_file_on_its_way_can_be_called_back(slow):
    page, _ = slow
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_role("progressbar")).to_be_hidden()
    expect(page.get_by_label("Start picture")).to_have_value("")
    assert not Upload.objects.exists()


def test_an_upright_video_from_the_card_to_the_player(page, login, axe, whole_sandbox, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    card(page, "HunyuanVideo-1.5").click()
    priced(page, lambda: page.locator(".segments label", has_text="480×832").click())
    page.locator("summary", has_text="More options").click()
    priced(page, lambda: page.get_by_role("button", name="Draw a seed").click())
    expect(page.get_by_role("textbox", name="Seed")).not_to_have_value("-1")
    seed = int(page.get_by_role("textbox", name="Seed").input_value())
    expect(make(page)).to_have_text(re.compile(r"\$0\.10 of play money"))
    expect(page.get_by_label("What should happen?")).to_have_value("A red fox in snow")
    assert axe(page) == []
    make(page).click()
    expect(page.locator(".hero").get_by_role("heading")).to_be_focused()
    job = engine.run(Job.objects.get())
    assert (job.model, job.parameters["seed"], job.width, job.height) == (HUNYUAN.id, seed, 480, 832)
    player = page.locator(".hero video")
    page.wait_for_function("video => video.videoHeight === 832", arg=player.element_handle())


def test_a_model_keeps_its_choice_while_another_is_looked_at(page, login, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_role("switch", name="Sound").uncheck()
    card(page, "HunyuanVideo-1.5").click()
    expect(page.get_by_text("HunyuanVideo-1.5 has no sound.")).to_be_visible()
    card(page, "LTX-2 Fast").click()
    expect(page.get_by_role("switch", name="Sound")).not_to_be_checked()


@looks
def test_a_retake_of_a_finished_video_by_marks(new_page, login, axe, sandbox, alice, scheme, viewport):
    source = engine.run(make_job(alice))
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    page.goto(f"/videos/{source.pk}/")
    page.get_by_role("link", name="Retake a part").click()
    expect(page.get_by_text("The whole length is charged: $0.60.")).to_be_visible()
    player = page.locator("video")
    page.wait_for_function("video => video.readyState >= 1", arg=player.element_handle())
    player.focus()
    for key, second in (("i", 0), ("o", 3)):
        player.evaluate("(video, second) => { video.currentTime = second; }", second)
        page.keyboard.press(key)
    expect(page.get_by_label("To (s)")).to_have_value("3")
    player.evaluate("video => { video.currentTime = 2; }")
    page.get_by_role("button", name=re.compile("^Now from")).click()
    expect(page.get_by_label("From (s)")).to_have_value("2")
    priced(page, lambda: page.locator(".segments label", has_text="Picture only").click())
    assert axe(page) == []
    page.get_by_label("What should happen?").fill("It begins to snow")
    expect(make(page)).to_have_text(re.compile(r"\$0\.60 of play money"))
    make(page).dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("It begins to snow")
    retake = Job.objects.get(model=LTX_2_RETAKE.id)
    assert retake.source_job == source
    assert retake.parameters == {"mode": "replace_video", "start_time": 2, "end_time": 3}
    assert engine.run(retake).status == Status.SUCCEEDED
    expect(page.get_by_text("$0.60 charged")).to_be_visible()
    expect(page.get_by_text("Picture only, 2 to 3 s")).to_be_visible()
    assert axe(page) == []
    page.locator(".lineage").get_by_role("link", name="Source A red fox in snow").click()
    expect(page.locator(".lineage").get_by_role("link", name="Retake It begins to snow")).to_be_visible()


def test_an_uploaded_video_makes_its_price(page, login, alice):
    login(page, alice)
    page.goto("/")
    card(page, "LTX-2 Retake").click()
    expect(page.locator("#offer")).to_contain_text("Choose a video first: its length makes the price.")
    choose(page, "Source video", media.mp4(2.0), "fox.mp4")
    expect(page.get_by_text("The whole length is charged: $0.20.")).to_be_visible()
    expect(make(page)).to_have_text(re.compile(r"\$0\.20 of play money"))


def test_try_again_makes_one_job_however_often_it_is_pressed(page, login, alice):
    failed = make_job(alice, status=Status.FAILED)
    login(page, alice)
    page.goto(f"/videos/{failed.pk}/")
    page.get_by_role("button", name="Try again · $0.36").dblclick()
    expect(page.get_by_text("In the queue")).to_be_visible()
    expect(page.get_by_role("link", name="Tried before")).to_be_visible()
    assert Job.objects.count() == 2


@looks
def test_delete_asks_first_and_then_it_is_gone(new_page, login, axe, alice, scheme, viewport):
    make_job(alice, status=Status.SUCCEEDED)
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    page.goto("/gallery/")
    page.get_by_role("link", name="A red fox in snow").click()
    page.get_by_role("link", name="Delete").click()
    expect(page.get_by_text("This cannot be undone.")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("“A red fox in snow” is deleted.")).to_be_visible()
    assert axe(page) == []
    assert not Job.objects.kept().exists()


def test_without_a_script_a_picture_goes_with_the_form(new_page, login, sandbox, alice):
    page = new_page(java_script_enabled=False, viewport=NARROW)
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "Start picture")
    make(page).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A red fox in snow")
    job = Job.objects.get()
    assert (job.model, job.upload) == (LTX_2_PRO_IMAGE.id, Upload.objects.get())
    assert engine.run(job).status == Status.SUCCEEDED
    page.get_by_role("link", name="Look again").click()
    page.get_by_role("link", name="Retake a part").click()
    page.get_by_label("What should happen?").fill("It begins to snow")
    make(page).click()
    expect(page.get_by_text("In the queue")).to_be_visible()
