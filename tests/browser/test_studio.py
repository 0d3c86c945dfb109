"""Make a video by typing and clicking, with the engine running and the sandbox rendering."""

import re

import pytest
from playwright.sync_api import expect

from generation import services
from generation.models import Job, Status
from tests import engine
from tests.browser.chromium import NARROW
from tests.make import make_job, make_plan, make_user

_LISTEN = """
    window.said = [];
    const live = document.getElementById("live");
    new MutationObserver(() => { if (live.textContent.trim()) said.push(live.textContent.trim()); })
        .observe(live, { childList: true, characterData: true, subtree: true });
"""


def the_job():
    return Job.objects.select_related("hold").get()


def make(page):
    return page.get_by_role("button", name=re.compile("^Make"))


def choose(page, length):
    page.locator(".segments label", has_text=length).click()


def test_a_video_from_the_first_word_to_the_player(page, login, whole_sandbox, db):
    user = make_user(plan="free")
    login(page, user)
    page.goto("/")
    page.evaluate(_LISTEN)
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "8 s")
    expect(make(page)).to_have_text(re.compile(r"\$0\.48 of play money"))
    expect(page.locator("#offer")).to_contain_text("Leaves $1.52 of $2.00 and 1 of 2 videos")
    make(page).click()

    card = page.locator(".hero")
    expect(card.get_by_text("In the queue")).to_be_visible()
    expect(card.get_by_role("heading", name="A red fox in snow")).to_be_focused()
    expect(page.get_by_label("What should happen?")).to_have_value("")
    expect(page.locator("#gauge")).to_have_text(re.compile(r"\$1\.52 left · 1 video"))
    assert (the_job().hold.spend, the_job().parameters) == (480_000, {"duration": 8, "generate_audio": True})

    engine.run(the_job(), until={Status.RUNNING})
    expect(card.get_by_text("Rendering")).to_be_visible()
    expect(page).to_have_title(re.compile(r"^\d+% · A red fox in snow · Clapboard$"))
    expect(card.get_by_role("button", name="Cancel, free")).to_have_count(0)

    engine.run(the_job())
    expect(card.get_by_text("$0.48 charged")).to_be_visible()
    expect(page).to_have_title("Ready: A red fox in snow · Clapboard")
    player = card.locator("video")
    page.wait_for_function("video => video.readyState >= 1", arg=player.element_handle())
    assert player.evaluate("video => video.duration") == pytest.approx(8, abs=0.5)
    expect(page.locator("[data-poll]")).to_have_count(0)
    # What passes quickly may be said or missed; nothing is said twice, and no percents are.
    quick = ("sending", "saving", "Leaves")
    assert [words for words in page.evaluate("said") if not any(word in words for word in quick)] == [
        "A red fox in snow: in the queue. $0.48 set aside.",
        "A red fox in snow: rendering.",
        "A red fox in snow is ready.",
    ]

    with page.expect_download() as download:
        card.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "a-red-fox-in-snow_ltx-2-pro_8s.mp4"
    card.get_by_role("link", name="A red fox in snow", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A red fox in snow")
    page.get_by_role("link", name="in Usage").click()
    expect(page.get_by_text("$0.48 spent of $2.00")).to_be_visible()


@pytest.mark.parametrize("path", ["/gallery/", "/videos/{pk}/"], ids=["gallery", "page"])
def test_progress_moves_without_a_reload(page, login, sandbox, alice, path):
    job = make_job(alice)
    login(page, alice)
    page.goto(path.format(pk=job.pk))
    page.evaluate("window.same = true")
    engine.run(job, until={Status.RUNNING})
    expect(page.get_by_text("Rendering", exact=True)).to_be_visible()
    engine.run(job)
    expect(page.get_by_text("$0.36 charged")).to_be_visible()
    assert page.evaluate("window.same"), "the page was loaded again"


def test_a_double_click_makes_one_video(page, login, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    make(page).dblclick()
    expect(page.locator(".hero").get_by_role("heading")).to_be_focused()
    make(page).click()  # and a hasty third time
    assert Job.objects.count() == 1


def test_two_tabs_of_one_form_make_one_video(page, login, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    form = page.evaluate("Object.fromEntries(new FormData(document.getElementById('composer')))")
    make(page).click()
    expect(page.locator(".hero")).to_be_visible()
    page.request.post("/", form=form, headers={"Referer": page.url})
    assert Job.objects.count() == 1


def test_control_and_enter_make_it_too(page, login, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".hero").get_by_role("heading")).to_be_focused()
    assert Job.objects.count() == 1


def test_an_example_fills_the_form(page, login, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_role("button", name="Fox in snow").click()
    expect(page.get_by_label("What should happen?")).to_have_value(re.compile("^A red fox trots"))


def test_a_rejected_form_leads_to_its_summary(page, login, axe, alice):
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("   ")
    make(page).click()
    expect(page.get_by_role("alert").filter(has_text="Nothing was made yet")).to_be_focused()
    assert axe(page) == []
    page.get_by_role("link", name="What should happen?").click()
    expect(page.get_by_label("What should happen?")).to_be_focused()


def test_a_button_that_is_off_says_why_and_what_fits(page, login, axe, db):
    user = make_user(plan=make_plan(spend_limit=400_000))
    login(page, user)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "10 s")
    reason = page.locator("#offer").get_by_text("$0.60 needed, $0.40 left")
    expect(reason).to_be_visible()
    assert axe(page) == []
    make(page).click(force=True)
    expect(reason).to_be_focused()
    page.get_by_role("button", name="LTX-2 Pro, 6 s: $0.36 fits").click()
    expect(make(page)).to_be_focused()
    expect(page.get_by_label("What should happen?")).to_have_value("A red fox in snow")
    make(page).click()
    expect(page.locator(".hero").get_by_text("$0.36 set aside")).to_be_visible()


def test_cancel_gives_the_money_back_and_keeps_the_place(page, login, alice):
    job = make_job(alice)
    login(page, alice)
    page.goto("/")
    page.get_by_role("button", name="Cancel, free").click()
    expect(page.get_by_text("You were not charged; $0.36 is no longer set aside.")).to_be_visible()
    expect(page.get_by_role("heading", name="A red fox in snow")).to_be_focused()
    job.refresh_from_db()
    assert job.status == Status.CANCELED


def test_too_late_to_cancel_is_told_in_the_card(page, login, sandbox, alice):
    job = make_job(alice)
    login(page, alice)
    page.goto("/gallery/")
    page.route("**/jobs/pulse*", lambda route: route.fulfill(status=204))
    services.dispatch()
    services.submit(job.pk)
    page.get_by_role("button", name="Cancel, free").click()
    expect(page.locator(".job").get_by_text("can't stop it any more")).to_be_visible()


def test_without_a_script_everything_works(new_page, login, sandbox, db):
    user = make_user(plan="free")
    page = new_page(java_script_enabled=False, viewport=NARROW)
    login(page, user)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    choose(page, "8 s")
    page.get_by_role("button", name="Check price").click()
    expect(make(page)).to_have_text(re.compile(r"\$0\.48"))
    make(page).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("A red fox in snow")
    engine.run(the_job(), until={Status.RUNNING})
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_text("Rendering", exact=True)).to_be_visible()
    engine.run(the_job())
    page.get_by_role("link", name="Look again").click()
    expect(page.locator("video")).to_be_visible()
    page.get_by_role("link", name="Again with changes").click()
    make(page).click()
    page.get_by_role("button", name="Cancel, free").click()
    expect(page.get_by_text("You were not charged; $0.48 is no longer set aside.")).to_be_visible()
    page.get_by_role("link", name="Gallery").last.click()
    expect(page.get_by_role("link", name="A red fox in snow")).to_have_count(1)


@pytest.mark.parametrize("path", ["/", "/videos/{pk}/retake/"], ids=["studio", "retake"])
@pytest.mark.parametrize("height", [800, 600])
def test_in_a_low_window_the_button_lies_over_nothing(new_page, login, alice, path, height):
    job = make_job(alice, status=Status.SUCCEEDED)
    page = new_page(viewport={"width": 1280, "height": height})
    login(page, alice)
    page.goto(path.format(pk=job.pk))
    covered = page.locator("#wishes :is(label, input, button)").evaluate_all("""found => found.filter(element => {
        const box = element.getBoundingClientRect();
        const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return top !== null && top.closest("#offer") !== null;
    }).map(element => element.outerHTML)""")
    assert covered == []


def test_in_a_high_window_the_button_is_always_there(new_page, login, alice):
    page = new_page(viewport={"width": 1280, "height": 900})
    login(page, alice)
    page.goto("/")
    assert page.evaluate("document.documentElement.scrollHeight") > 1000
    expect(make(page)).to_be_in_viewport(ratio=1)
