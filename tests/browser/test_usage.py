"""The usage page in a browser: full of everything, over, filtered; with a script and without."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from billing import services as billing
from billing.models import Hold, Period, Plan
from billing.services import Actor
from generation.catalog import MODELS
from generation.models import Status
from generation.web.usage.statement import PAGE
from tests.billing.make import make_amount
from tests.browser.chromium import NARROW, WIDE
from tests.browser.test_pages import fits, looks, sizes
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.test_usage import make_earlier

OLGA = Actor(name="operator 4711")


def make_everything(*, limits=None):
    """Make a user who has met everything that the page can say, and return it with the day an earlier period began."""
    now = timezone.now()
    user = make_user(plan=make_plan(name="Pro", **(limits or {"spend_limit": 6_000_000, "videos_limit": 30})))
    make_job(user, status=Status.SUCCEEDED, prompt="Long ago")
    starts = make_earlier(user)
    key, _ = billing.create_api_key(user, "ci-deploy", spend_limit=2_000_000)
    for number, model in enumerate((*MODELS, *MODELS[:4])):
        job = make_job(user, status=Status.SUCCEEDED, model=model.id, prompt=f"{model.title}: a red fox in deep snow")
        Hold.objects.filter(pk=job.hold_id).update(resolved_at=now - timedelta(days=number % 5))
    make_job(user, status=Status.RUNNING, api_key=key)
    make_job(user, status=Status.FAILED, prompt="A_very_long_word_" * 20)
    until = now + timedelta(days=3)
    billing.grant(
        user, make_amount(spend=0, videos=2), reason="Sorry for the wait.", now=now, by=OLGA, expires_at=until
    )
    billing.adjust(user, make_amount(spend=50_000, videos=0, seconds=0), reason="By post.", now=now, by=OLGA)
    billing.refund(job.hold, reason="It came without sound.", now=now, by=OLGA)
    billing.set_override(user, "seconds", 600, reason="Asked.", now=now, by=OLGA)
    billing.change_plan(user, Plan.objects.get(slug="free"), now=now, by=ACTOR)
    return user, starts


@looks
@sizes
def test_everything_at_once_is_clean(new_page, login, axe, db, scheme, viewport):
    user, starts = make_everything()
    page = new_page(color_scheme=scheme, viewport=viewport)
    login(page, user)
    for path in ("/usage/", f"/usage/?period={starts}", "/usage/?kind=refund"):
        page.goto(path)
        for summary in page.locator("main summary").all():
            summary.click()
        assert axe(page) == [], path
        assert fits(page), path


def test_columns_have_their_texture_and_their_words(page, login, db):
    user, _ = make_everything()
    login(page, user)
    page.goto("/usage/")
    pieces = page.locator(".days rect.days__bar")
    assert pieces.count() == len(MODELS) + 3, "one of eleven was refunded"
    assert all(box["width"] > 4 and box["height"] > 4 for box in (piece.bounding_box() for piece in pieces.all()))
    titles = page.locator(".days g title").all_text_contents()
    assert any("LTX-2 Pro $0.36" in title for title in titles)
    # A texture that is not found is drawn as nothing at all.
    fills = {piece.get_attribute("fill")[5:-1] for piece in pieces.all()}
    assert all(page.locator(f"pattern#{fill}").count() == 1 for fill in fills)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_older_lines_come_below_or_as_a_page(new_page, login, alice, script):
    for _ in range(PAGE):
        make_job(alice, status=Status.CANCELED)
    page = new_page(java_script_enabled=script)
    login(page, alice)
    page.goto("/usage/")
    rows = page.locator("#lines tbody tr")
    expect(rows).to_have_count(PAGE + 1)
    page.get_by_role("link", name="Older lines").click()
    if script:
        expect(rows).to_have_count(2 * PAGE)
    else:
        expect(page.get_by_role("link", name="Newest lines")).to_be_visible()
        expect(rows).to_have_count(PAGE)


def test_the_focus_stays_where_older_lines_come_from(page, login, alice):
    for _ in range(PAGE + 2):
        make_job(alice, status=Status.CANCELED)
    login(page, alice)
    page.goto("/usage/")
    older = page.get_by_role("link", name="Older lines")
    older.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#lines tbody tr")).to_have_count(2 * PAGE + 1)
    expect(older).to_be_focused()


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_a_period_is_chosen_filtered_and_taken_away_without_a_script(new_page, login, db, viewport):
    user, starts = make_everything()
    page = new_page(java_script_enabled=False, viewport=viewport)
    login(page, user)
    page.goto("/usage/")
    page.get_by_label("Period", exact=True).select_option(starts)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("This period is over.")).to_be_visible()
    page.get_by_role("link", name="Charged", exact=True).click()
    expect(page.locator("#lines tbody tr")).to_have_count(1)
    expect(page.get_by_role("link", name="Long ago")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="as CSV").click()
    assert download.value.suggested_filename.startswith(f"clapboard-{starts}-to-")
    assert Period.objects.count() == 2
