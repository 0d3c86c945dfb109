"""What a page does while it waits: it asks when somebody looks, goes on after trouble, and ends."""

import re
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from billing import services as billing
from generation.models import Job, Status
from tests.make import ACTOR, make_job


@pytest.fixture
def troubled_page(browser, live_server, login):
    """Open a page whose console may complain: here the server is made to fail."""
    context = browser.new_context(base_url=live_server.url)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def count_requests(page: Any, part: str) -> list[str]:
    """Return a list that grows with each request whose address contains `part`."""
    seen: list[str] = []
    page.on("request", lambda request: seen.append(request.url) if part in request.url else None)
    return seen


def hide(page: Any, *, hidden: bool) -> None:
    """Let the page think that its tab was left, or come back to."""
    page.evaluate(
        """hidden => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


def fail(job: Job) -> None:
    """Let a job fail, and its money come back."""
    now = timezone.now()
    billing.release(job.hold, now=now, by=ACTOR)
    Job.objects.filter(pk=job.pk).update(status=Status.FAILED, error_message="Not this time.", finished_at=now)


def test_a_hidden_tab_does_not_ask_and_asks_at_once_on_return(page, login, alice):
    make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.clock.install()
    page.goto("/")
    asked = count_requests(page, "/jobs/pulse")
    hide(page, hidden=True)
    page.clock.run_for(30_000)
    assert asked == []
    with page.expect_request("**/jobs/pulse*"):
        hide(page, hidden=False)


def test_after_the_last_job_has_ended_nothing_is_asked(page, login, alice):
    job = make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.clock.install()
    page.goto("/")
    Job.objects.filter(pk=job.pk).update(status=Status.FAILED, error_message="Not this time.")
    with page.expect_response("**/jobs/pulse*"):
        page.clock.run_for(2_000)
    expect(page.locator("[data-poll]")).to_have_count(0)
    asked = count_requests(page, "/jobs/pulse")
    page.clock.run_for(30_000)
    assert asked == []


def test_a_change_elsewhere_leaves_an_open_card_and_its_focus_alone(page, login, alice):
    make_job(alice, prompt="A quiet hare")
    other = make_job(alice, status=Status.COLLECTING, prompt="A loud fox")
    login(page, alice)
    page.goto("/gallery/")
    button = page.get_by_role("button", name=re.compile("Cancel, free.*A quiet hare"))
    button.focus()
    Job.objects.filter(pk=other.pk).update(status=Status.FAILED, error_message="Not this time.")
    expect(page.get_by_text("Not this time.")).to_be_visible()
    expect(button).to_be_focused()


def test_money_that_comes_back_mends_the_line_below_the_button(page, login, alice):
    job = make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.goto("/")
    line = page.locator("#offer-sentence")
    expect(line).to_have_text(re.compile(r"^Leaves \$99\.28 of \$100\.00 and 28 of 30 videos"))
    page.locator("#make").focus()
    fail(job)
    expect(line).to_have_text(re.compile(r"^Leaves \$99\.64 of \$100\.00 and 29 of 30 videos"))
    expect(page.locator("#gauge")).to_have_text(re.compile(r"\$100\.00 left"))
    expect(page.locator("#make")).to_be_focused()
    expect(page.locator("#live")).to_have_text("A red fox in snow failed; you were not charged.")


def test_a_job_that_is_canceled_gives_its_money_back_to_a_form_that_is_being_filled_in(page, login, alice):
    make_job(alice)
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A hare")
    page.locator(".segments label", has_text="8 s").click()
    expect(page.locator("#offer-sentence")).to_have_text(re.compile(r"^Leaves \$99\.16 "))
    page.get_by_role("button", name="Cancel, free").click()
    expect(page.locator("#offer-sentence")).to_have_text(re.compile(r"^Leaves \$99\.52 "))
    expect(page.get_by_label("What should happen?")).to_have_value("A hare")
    expect(page.locator("#make")).to_contain_text("$0.48")


def test_where_the_offer_can_t_be_asked_for_anew_no_old_one_stays(troubled_page, login, alice):
    page = troubled_page
    job = make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.goto("/")
    page.route("**/studio/offer", lambda route: route.abort())
    fail(job)
    expect(page.get_by_text("Price unknown just now. Trying again.")).to_be_visible()
    page.unroute("**/studio/offer")
    expect(page.locator("#offer-sentence")).to_have_text(re.compile(r"^Leaves \$99\.64 "))


@pytest.mark.parametrize("path", ["/", "/gallery/"])
def test_under_way_stands_only_above_what_is(page, login, axe, alice, path):
    quiet = make_job(alice, status=Status.COLLECTING, prompt="A quiet hare")
    loud = make_job(alice, status=Status.COLLECTING, prompt="A loud fox")
    make_job(alice, status=Status.COLLECTING, prompt="A newer owl")  # in the studio it is on the stage
    login(page, alice)
    page.goto(path)
    under_way, ended = page.get_by_role("region", name="Under way"), page.get_by_role("region", name="Just ended")
    expect(under_way.get_by_role("heading", level=3)).to_have_count(2 if path == "/" else 3)
    expect(ended).to_have_count(0)
    fail(quiet)
    expect(ended.get_by_role("heading", level=3)).to_have_text(["A quiet hare"])
    expect(under_way).not_to_contain_text("A quiet hare")
    assert axe(page) == []
    fail(loud)
    expect(ended.get_by_role("heading", level=3)).to_have_text(["A loud fox", "A quiet hare"])
    expect(under_way).to_have_count(0 if path == "/" else 1)


def test_a_canceled_card_keeps_the_focus_where_it_goes(page, login, alice):
    make_job(alice, prompt="A quiet hare")
    login(page, alice)
    page.goto("/gallery/")
    page.get_by_role("button", name="Cancel, free").click()
    heading = page.get_by_role("region", name="Just ended").get_by_role("heading", name="A quiet hare")
    expect(heading).to_be_focused()
    expect(page.get_by_role("region", name="Under way")).to_have_count(0)


@pytest.mark.parametrize("trouble", ["500", "offline"])
def test_trouble_is_told_once_and_polling_goes_on(troubled_page, login, alice, trouble):
    page = troubled_page
    job = make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.goto("/")
    page.route("**/jobs/pulse*", lambda route: route.fulfill(status=500) if trouble == "500" else route.abort())
    line = page.get_by_text(re.compile(r"Couldn't refresh since \d\d:\d\d\. Trying again by itself\."))
    expect(line).to_have_count(1)
    expect(page.locator(".hero").get_by_text("Saving")).to_be_visible()
    Job.objects.filter(pk=job.pk).update(status=Status.FAILED, error_message="Not this time.")
    page.unroute("**/jobs/pulse*")
    expect(page.get_by_text("Not this time.")).to_be_visible()
    expect(line).to_have_count(0)


def test_who_was_signed_out_meanwhile_sees_the_sign_in_page_as_a_page(page, login, alice):
    make_job(alice, status=Status.COLLECTING)
    login(page, alice)
    page.goto("/gallery/")
    page.context.clear_cookies()
    page.wait_for_url("**/accounts/login/?next=*gallery*")
    expect(page.get_by_role("heading", level=1)).to_be_visible()


@pytest.mark.parametrize("trouble", ["500", "offline"])
def test_without_an_answer_there_is_no_price_and_no_button(troubled_page, login, alice, trouble):
    page = troubled_page
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    page.route("**/studio/offer", lambda route: route.fulfill(status=500) if trouble == "500" else route.abort())
    page.locator(".segments label", has_text="8 s").click()
    expect(page.get_by_text("Price unknown just now. Trying again.")).to_be_visible()
    button = page.get_by_role("button", name="Make video")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(page.locator("#offer")).not_to_contain_text("$")
    page.keyboard.press("Control+Enter")
    page.unroute("**/studio/offer")
    expect(page.locator("#offer")).to_contain_text("$0.48")
    assert Job.objects.count() == 0
    page.locator("#make").click()
    expect(page.locator(".hero").get_by_text("$0.48 set aside")).to_be_visible()


def test_a_press_while_the_price_is_on_its_way_is_not_lost(troubled_page, login, alice):
    page = troubled_page
    login(page, alice)
    page.goto("/")
    page.get_by_label("What should happen?").fill("A red fox in snow")
    waiting = []
    page.route("**/studio/offer", lambda route: waiting.append(route))  # noqa: PLW0108  Playwright inspects the function
    with page.expect_request("**/studio/offer"):
        page.locator(".segments label", has_text="10 s").click()
    page.locator("#make").click()
    # What was seen is the price of 6 s: nothing is made at another.
    expect(page.get_by_text("With these settings it costs $0.60. Press again to make it.")).to_be_visible()
    assert Job.objects.count() == 0
    for route in waiting:
        route.abort()
