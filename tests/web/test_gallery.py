"""The gallery: pages that follow each other, and a way back to the same place."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from billing.models import User
from billing.services import change_plan
from generation.models import Job, Status
from generation.web.gallery import PAGE
from tests.make import ACTOR, make_job, make_plan
from tests.web.reading import source, words

# Session and user, a page of videos, what is under way with its queue, what ended without a video, and the meter.
QUERIES = 11
HTMX = {"HX-Request": "true"}


def make_videos(user: User, number: int, **fields: Any) -> list[Job]:
    """Make ready videos, the newest first; many share a moment, as a batch does."""
    now = timezone.now()
    change_plan(user, make_plan(), now=now, by=ACTOR)
    first = make_job(user, status=Status.SUCCEEDED, **fields)
    jobs = [first, *(make_job(user, status=Status.SUCCEEDED, **fields) for _ in range(number - 1))]
    for place, job in enumerate(jobs):
        Job.objects.filter(pk=job.pk).update(created_at=now - timedelta(minutes=place // 3), prompt=f"Video {place}")
    return list(Job.objects.filter(user=user, status=Status.SUCCEEDED).order_by("-created_at", "-id"))


def tiles(answer: Any) -> list[str]:
    """Return the ids of the tiles in their order."""
    return re.findall(r'data-opens="([^"]*)"', source(answer))


def ids(jobs: list[Job]) -> list[str]:
    return [str(job.pk) for job in jobs]


def more(answer: Any) -> str:
    """Return the address of the next page; empty on the last one."""
    match = re.search(r'id="more"><a[^>]* href="([^"]*)"', source(answer))
    return match[1].replace("&amp;", "&") if match else ""


def test_an_empty_gallery_offers_the_first_step(browser_of_alice):
    answer = browser_of_alice.get("/gallery/")
    assert "No videos yet. Make the first one" in words(answer)


def test_tiles_are_pictures_that_wait_until_they_are_looked_at(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    answer = browser_of_alice.get("/gallery/")
    html = source(answer)
    picture = re.search(r"<img[^>]*>", html)[0]
    assert f'src="/api/v1/jobs/{job.pk}/poster"' in picture
    assert all(
        word in picture for word in ('loading="lazy"', 'decoding="async"', 'width="1920"', 'height="1080"', "alt=")
    )
    assert "<video" not in html
    assert "with sound, 6.0 s A red fox in snow LTX-2 Pro · just now" in words(answer)


def test_pages_follow_each_other_without_gap_or_double(alice, browser_of_alice):
    jobs = make_videos(alice, 2 * PAGE + 5)
    answer = browser_of_alice.get("/gallery/")
    seen = tiles(answer)
    assert len(seen) == PAGE
    while address := more(answer):
        answer = browser_of_alice.get(address, headers=HTMX)
        assert "<html" not in source(answer)
        seen += tiles(answer)
        assert answer["HX-Replace-Url"].endswith(f"until={seen[-1]}")
    assert seen == ids(jobs)


def test_back_shows_all_that_was_seen_and_what_is_new_on_top(alice, browser_of_alice):
    jobs = make_videos(alice, 2 * PAGE + 5)
    address = browser_of_alice.get(more(browser_of_alice.get("/gallery/")), headers=HTMX)["HX-Replace-Url"]
    newest = make_job(alice, status=Status.SUCCEEDED)
    answer = browser_of_alice.get(address)
    assert tiles(answer) == ids([newest, *jobs[: 2 * PAGE]])
    assert tiles(browser_of_alice.get(more(answer), headers=HTMX)) == ids(jobs[2 * PAGE :])


def test_without_a_script_the_link_leads_to_the_next_page(alice, browser_of_alice):
    jobs = make_videos(alice, PAGE + 3)
    answer = browser_of_alice.get(more(browser_of_alice.get("/gallery/")))
    assert tiles(answer) == ids(jobs[PAGE:])
    assert "Newer videos" in words(answer)
    assert "<html" in source(answer)


def test_after_ten_pages_a_button_asks(alice, browser_of_alice):
    jobs = make_videos(alice, PAGE + 1)
    after = jobs[0].pk
    nine, ten = (source(browser_of_alice.get(f"/gallery/?after={after}&page={page}", headers=HTMX)) for page in (9, 10))
    make_job(alice, status=Status.SUCCEEDED)
    assert "intersect once" not in ten
    assert "intersect once" in source(browser_of_alice.get("/gallery/"))
    assert nine == ten  # the last page has no sentinel at all


def test_a_long_way_down_is_cut_at_the_top(alice, browser_of_alice, monkeypatch):
    monkeypatch.setattr("generation.web.gallery._MOST", 10)
    jobs = make_videos(alice, 30)
    answer = browser_of_alice.get(f"/gallery/?until={jobs[20].pk}")
    assert tiles(answer) == ids(jobs[11:21])
    assert "Newer videos" in words(answer)


@pytest.mark.parametrize(
    "query", ["until=x", "after=%00", f"until={UUID(int=7)}", "after=&page=²", "page=-1", "page=99999999"]
)
def test_a_broken_cursor_shows_the_beginning(alice, browser_of_alice, query):
    jobs = make_videos(alice, 3)
    assert tiles(browser_of_alice.get(f"/gallery/?{query}")) == ids(jobs)


def test_failed_ones_are_hidden_counted_and_shown_on_request(alice, browser_of_alice):
    video = make_job(alice, status=Status.SUCCEEDED)
    for status in (Status.FAILED, Status.FAILED, Status.CANCELED):
        make_job(alice, status=status)
    answer = browser_of_alice.get("/gallery/")
    assert tiles(answer) == [str(video.pk)]
    assert "2 failed, 1 cancelled, show" in words(answer)
    shown = browser_of_alice.get("/gallery/?failed=1")
    assert len(tiles(shown)) == 4
    assert "Hide what gave no video" in words(shown)


def test_more_than_99_are_not_counted(alice, browser_of_alice):
    failed = make_job(alice, status=Status.FAILED)
    change_plan(alice, make_plan(), now=timezone.now(), by=ACTOR)
    jobs = [make_job(alice) for _ in range(99)]
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(status=Status.FAILED, finished_at=timezone.now())
    assert "more than 99 failed, show" in words(browser_of_alice.get("/gallery/"))
    Job.objects.filter(pk=failed.pk).update(status=Status.CANCELED)
    assert "99 failed, 1 cancelled, show" in words(browser_of_alice.get("/gallery/"))


def test_the_gallery_takes_as_many_queries_for_many_as_for_few(alice, browser_of_alice, django_assert_num_queries):
    for status in Status:
        make_job(alice, status=status)
    browser_of_alice.get("/gallery/")
    with django_assert_num_queries(QUERIES):
        browser_of_alice.get("/gallery/")
    make_videos(alice, 2 * PAGE)
    with django_assert_num_queries(QUERIES):
        browser_of_alice.get("/gallery/")


def test_jobs_under_way_stand_on_top_as_cards(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED, prompt="A finished fox")
    make_job(alice, status=Status.RUNNING, prompt="A running fox")
    page = words(browser_of_alice.get("/gallery/"))
    assert page.index("Under way") < page.index("A running fox") < page.index("A finished fox")


def test_bob_sees_his_own_only_whatever_the_cursor(alice, bob, browser_of_bob):
    theirs = make_videos(alice, 3)
    mine = make_videos(bob, 2)
    for query in ("", f"?until={theirs[2].pk}", f"?after={theirs[0].pk}"):
        assert tiles(browser_of_bob.get(f"/gallery/{query}")) == ids(mine)


@pytest.mark.parametrize("number", [3, PAGE])
def test_the_number_of_queries_does_not_grow_with_the_videos(
    alice, browser_of_alice, django_assert_max_num_queries, number
):
    make_videos(alice, number)
    make_job(alice)
    # session, user, tiles, under way, four for the queue and its plan, counts, meter
    with django_assert_max_num_queries(13):
        browser_of_alice.get("/gallery/")
