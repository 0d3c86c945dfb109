"""The lines of the ledger as their owner reads them: words, amounts, reasons, links, filters, pages."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Grant, LedgerEntry, Period
from billing.services import Actor
from generation import services
from generation.models import Job, Status
from generation.web.usage.statement import PAGE
from tests.billing.make import make_amount
from tests.make import ACTOR, make_job
from tests.web.reading import source, words
from tests.web.test_usage import make_earlier

HTMX = {"HX-Request": "true"}
OLGA = Actor(name="operator 4711", request_id="request-of-olga")
OLDER = re.compile(r'id="older" href="([^"]+)"')


def make_grant(user, **fields):
    amount = {"spend": 2_000_000, "videos": 3, "seconds": 0}
    return billing.grant(user, make_amount(**amount), reason="Sorry.", now=timezone.now(), by=OLGA, **fields)


def older(answer):
    """Return the address of the next page, None on the last."""
    found = OLDER.search(source(answer))
    return html.unescape(found[1]) if found else None


def test_a_video_is_set_aside_and_charged(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    page = words(browser_of_alice.get("/usage/"))
    assert "Charged: $0.36 that was set aside A red fox in snow ± $0.00" in page
    assert "Set aside A red fox in snow − $0.36" in page
    assert page.index("Charged: $0.36") < page.index("Set aside A red fox"), "the newest first"


def test_what_came_back_is_given_back(alice, browser_of_alice):
    make_job(alice, status=Status.FAILED)
    assert "Given back A red fox in snow + $0.36" in words(browser_of_alice.get("/usage/"))


def test_a_refund_says_why_and_for_which_video(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    billing.refund(job.hold, reason="Not as wished.", now=timezone.now(), by=OLGA)
    assert "Refunded A red fox in snow Not as wished. + $0.36" in words(browser_of_alice.get("/usage/"))


def test_a_grant_says_why_and_all_that_it_grants(alice, browser_of_alice):
    make_grant(alice)
    assert "Granted Sorry. + $2.00, + 3 videos" in words(browser_of_alice.get("/usage/"))


def test_a_grant_that_ended_takes_away_what_was_unused(alice, browser_of_alice):
    until = timezone.now() + timedelta(hours=1)
    make_grant(alice, expires_at=until)
    billing.expire_grants(Period.objects.get(), until)
    assert Grant.objects.get().expired_at == until
    page = words(browser_of_alice.get("/usage/"))
    assert "Grant ended; what was used of it stays Its time is over. − $2.00, − 3 videos" in page


def test_corrections_say_why_and_which_way(alice, browser_of_alice):
    now = timezone.now()
    billing.adjust(alice, make_amount(spend=50_000, videos=0, seconds=0), reason="By post.", now=now, by=OLGA)
    billing.adjust(alice, make_amount(spend=-10_000, videos=0, seconds=0), reason="Rounded.", now=now, by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    assert "Corrected By post. − $0.05" in page
    assert "Corrected Rounded. + $0.01" in page


def test_repaired_counters_are_told_without_their_fields(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    Period.objects.update(spend_spent=0)
    billing.repair_period(Period.objects.get(), now=timezone.now(), by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    assert "Counted again What is shown as charged and set aside was put right. Nothing was charged. ± $0.00" in page
    assert "spend_spent" not in page


def test_reasons_of_operators_are_text(alice, browser_of_alice):
    billing.grant(alice, make_amount(), reason="<b>bold</b>", now=timezone.now(), by=OLGA)
    assert "&lt;b&gt;bold" in source(browser_of_alice.get("/usage/"))


def test_operators_have_no_name_here(alice, browser_of_alice):
    make_grant(alice)
    assert "4711" not in source(browser_of_alice.get("/usage/"))


def test_each_line_leads_to_its_video(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    assert source(browser_of_alice.get("/usage/")).count(f'href="/videos/{job.pk}/"') == 2


def test_a_deleted_video_keeps_its_lines_and_loses_its_words(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    services.delete(job.pk, by=ACTOR)
    answer = browser_of_alice.get("/usage/")
    when = timezone.localtime(Job.objects.get().deleted_at)
    assert words(answer).count(f"A video, deleted {when.day} {when:%b %Y}") == 2
    assert "red fox" not in words(answer)
    assert str(job.pk) not in source(answer)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("hold", "Set aside"),
        ("settle", "Charged: $0.36 that was set aside"),
        ("release", "Given back"),
        ("grant", "Granted"),
        ("adjust", "Corrected"),
        ("refund", "Refunded"),
    ],
)
def test_lines_can_be_filtered_by_kind(alice, browser_of_alice, kind, word):
    job = make_job(alice, status=Status.SUCCEEDED)
    make_job(alice, status=Status.FAILED)
    make_grant(alice)
    billing.adjust(alice, make_amount(), reason="By post.", now=timezone.now(), by=OLGA)
    billing.refund(job.hold, reason="Sorry.", now=timezone.now(), by=OLGA)
    answer = browser_of_alice.get("/usage/", {"kind": kind})
    found = re.findall(r'<td data-label="What">(.*?)</td>', source(answer))
    assert set(found) == {word}
    assert len(found) == LedgerEntry.objects.filter(kind=kind).count()
    assert f'kind={kind}#lines" aria-current="true"' in source(answer)


def test_a_kind_without_lines_says_so_and_keeps_the_way_back(alice, browser_of_alice):
    make_job(alice)
    page = words(browser_of_alice.get("/usage/?kind=refund"))
    assert "No such lines in this period." in page
    assert "All lines" in page


@pytest.mark.parametrize(
    "query", ["kind=x", "kind=", "before=x", "before=", "before=-1", "before=²", "before=" + "9" * 30]
)
def test_a_broken_filter_or_cursor_shows_the_newest_lines(alice, browser_of_alice, query):
    make_job(alice)
    assert "Set aside A red fox in snow" in words(browser_of_alice.get(f"/usage/?{query}"))


@pytest.mark.parametrize("headers", [HTMX, {}], ids=["htmx", "plain"])
@pytest.mark.parametrize("kind", ["", "release"])
def test_lines_follow_each_other_without_gap_or_double(alice, browser_of_alice, headers, kind):
    for _ in range(PAGE + 2):
        make_job(alice, status=Status.CANCELED)
    address, amounts, pages = f"/usage/?kind={kind}", 0, 0
    while address:
        answer = browser_of_alice.get(address, headers=headers if pages else {})
        assert ("<html" in source(answer)) is (not headers or not pages)
        amounts += source(answer).count('data-label="What is left changes by"')
        pages += 1
        address = older(answer)
    assert (amounts, pages) == ((PAGE + 2, 2) if kind else (2 * PAGE + 4, 3))


def test_a_cursor_stays_in_its_period(alice, browser_of_alice):
    for _ in range(PAGE):
        make_job(alice, status=Status.CANCELED)
    address = older(browser_of_alice.get("/usage/"))
    starts = make_earlier(alice)
    address = re.sub(r"period=[\d-]+", f"period={starts}", address)
    assert "Given back" in words(browser_of_alice.get(address))


def test_without_a_script_older_lines_are_a_page(alice, browser_of_alice):
    for _ in range(PAGE):
        make_job(alice, status=Status.CANCELED)
    page = words(browser_of_alice.get(older(browser_of_alice.get("/usage/"))))
    assert "Newest lines" in page
    assert "Money" not in page


def test_nothing_used_offers_the_first_step(browser_of_alice):
    answer = browser_of_alice.get("/usage/")
    assert "Nothing set aside or charged in this period. Make a video" in words(answer)
    assert "CSV" not in words(answer)


def test_bob_sees_nothing_of_alice(alice, browser_of_bob):
    make_job(alice, prompt="Alice's secret")
    assert "secret" not in words(browser_of_bob.get("/usage/"))
    before = LedgerEntry.objects.get().pk + 1
    assert "secret" not in words(browser_of_bob.get(f"/usage/?before={before}"))
