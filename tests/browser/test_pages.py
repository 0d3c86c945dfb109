"""Pages in every state, light and dark, wide and narrow: clean by axe and by the policy; and the way back."""

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from billing.services import change_plan
from generation.models import Job, Status
from generation.web.gallery import PAGE
from tests.browser.chromium import NARROW, WIDE
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.test_jobs import STATES, job_in

looks = pytest.mark.parametrize("scheme", ["light", "dark"])
sizes = pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])


def fits(page):
    """Return whether nothing stands out at the side."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@looks
@sizes
def test_pages_with_every_card_are_clean(new_page, login, axe, alice, scheme, viewport):
    for state in STATES:
        job_in(state, alice)
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    for path in ("/", "/gallery/?failed=1", "/usage/"):
        page.goto(path)
        assert axe(page) == [], path
        assert fits(page), path


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", NARROW)], ids=["light wide", "dark narrow"])
def test_the_page_of_a_job_is_clean_in_every_state(new_page, login, axe, alice, scheme, viewport):
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, alice)
    for state in STATES:
        page.goto(f"/videos/{job_in(state, alice, prompt='A_very_long_word_' * 20).pk}/")
        assert axe(page) == [], state
        assert fits(page), state


@looks
@sizes
def test_empty_pages_are_clean(new_page, login, axe, db, scheme, viewport):
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, make_user(plan="free"))
    for path in ("/", "/gallery/", "/usage/", "/accounts/mails/"):
        page.goto(path)
        assert axe(page) == [], path
        assert fits(page), path


def test_back_leads_to_the_same_place_in_the_gallery(page, login, alice):
    change_plan(alice, make_plan(), now=timezone.now(), by=ACTOR)
    for number in range(2 * PAGE + 6):
        make_job(alice, status=Status.SUCCEEDED, prompt=f"Video {number}")
    login(page, alice)
    page.goto("/gallery/")
    tiles = page.locator(".tile")
    tiles.last.scroll_into_view_if_needed()
    expect(tiles).to_have_count(2 * PAGE)
    tiles.last.scroll_into_view_if_needed()
    expect(tiles).to_have_count(2 * PAGE + 6)
    link = page.get_by_role("link", name="Video 9", exact=True)
    link.scroll_into_view_if_needed()
    before = page.evaluate("scrollY")
    assert before > 1000
    link.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Video 9")
    page.go_back()
    expect(tiles).to_have_count(2 * PAGE + 6)
    expect(link).to_be_focused()
    page.wait_for_function("before => Math.abs(scrollY - before) <= 1", arg=before)
    assert Job.objects.count() == 2 * PAGE + 6
