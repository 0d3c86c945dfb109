"""The usage page: the period in words, bars, days and lines."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from billing.models import LedgerEntry, Period, Subscription
from generation.models import Job, Status
from generation.web.usage import PAGE
from tests.make import make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, words

HTMX = {"HX-Request": "true"}


def test_after_one_free_job_the_sum_is_plain(db):
    user = make_user(plan="free")
    make_job(user, status=Status.SUCCEEDED)
    page = words(browser_of(user).get("/usage/"))
    assert "$0.36 spent of $2.00" in page
    assert "In this period $2.00 Charged − $0.36 Set aside − $0.00 Left = $1.64" in page
    assert "1 used of 2" in page
    assert "In this period 2 Charged − 1 Set aside − 0 Left = 1" in page
    assert "6 s used, no limit" in page


def test_what_is_set_aside_is_told_apart(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    make_job(alice, status=Status.RUNNING)
    page = words(browser_of_alice.get("/usage/"))
    assert "In this period $100.00 Charged − $0.36 Set aside − $0.36 Left = $99.28" in page


def test_what_came_back_is_left_again(alice, browser_of_alice):
    make_job(alice, status=Status.FAILED)
    page = words(browser_of_alice.get("/usage/"))
    assert "$0.00 spent of $100.00" in page
    assert "Given back A red fox in snow + $0.36" in page


def test_the_period_says_its_days_and_its_renewal(alice, browser_of_alice):
    page = words(browser_of_alice.get("/usage/"))
    assert re.search(r"\d+ \w+ to \d+ \w+\. \d+ days left\. Renews \d+ \w+, \d\d:\d\d \(UTC\)\.", page)


def test_the_last_day_says_so(alice, browser_of_alice):
    # Months are counted from the anchor: this one's end two hours from now. 2024 has a 29th of February.
    Subscription.objects.update(anchor=(timezone.now() + timedelta(hours=2)).replace(year=2024))
    assert "It ends today." in words(browser_of_alice.get("/usage/"))


def test_without_limits_there_is_no_bar(db):
    user = make_user(plan=make_plan())
    make_job(user, status=Status.SUCCEEDED)
    answer = browser_of(user).get("/usage/")
    assert "$0.36 spent, no limit" in words(answer)
    assert 'class="meter' not in source(answer)


def test_a_limit_of_none_is_a_full_bar(db):
    user = make_user(plan=make_plan(videos_limit=0))
    assert "0 used of 0" in words(browser_of(user).get("/usage/"))


def test_nothing_used_offers_the_first_step(browser_of_alice):
    page = words(browser_of_alice.get("/usage/"))
    assert "Nothing set aside or charged in this period. Make a video" in page
    assert "Charged by day" not in page


def test_the_days_are_bars_and_a_table(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    answer = browser_of_alice.get("/usage/")
    html = source(answer)
    assert len(re.findall('class="days__bar"', html)) == 1
    assert 'height="100.00%"' in html
    assert re.search(r"Day Charged \d+ \w+ \d{4} \$0\.36", words(answer))
    assert "style=" not in html, "the policy drops it"


def test_each_line_leads_to_its_video(alice, browser_of_alice):
    job = make_job(alice, status=Status.SUCCEEDED)
    html = source(browser_of_alice.get("/usage/"))
    assert html.count(f'href="/videos/{job.pk}/"') == 2


def test_lines_follow_each_other_without_gap_or_double(alice, browser_of_alice):
    for _ in range(PAGE):
        make_job(alice, status=Status.CANCELED)
    answer = browser_of_alice.get("/usage/")
    seen = 0
    while True:
        html = source(answer)
        seen += html.count('data-label="Amount"')
        match = re.search(r'href="(/usage/\?before=\d+)"', html)
        if not match:
            break
        answer = browser_of_alice.get(match[1], headers=HTMX)
        assert "<html" not in source(answer)
    assert seen == 2 * PAGE == LedgerEntry.objects.count()


def test_without_a_script_older_lines_are_a_page(alice, browser_of_alice):
    for _ in range(PAGE):
        make_job(alice, status=Status.CANCELED)
    address = re.search(r'href="(/usage/\?before=\d+)"', source(browser_of_alice.get("/usage/")))[1]
    page = words(browser_of_alice.get(address))
    assert "Newest lines" in page
    assert "Money" not in page


@pytest.mark.parametrize("before", ["x", "", "-1", "²", "9" * 30])
def test_a_broken_cursor_shows_the_newest_lines(alice, browser_of_alice, before):
    make_job(alice)
    assert "Set aside A red fox in snow" in words(browser_of_alice.get(f"/usage/?before={before}"))


def test_bob_sees_nothing_of_alice(alice, browser_of_bob):
    make_job(alice, prompt="Alice's secret")
    assert "secret" not in words(browser_of_bob.get("/usage/"))


def test_an_earlier_period_is_not_counted(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    anchor = timezone.now() - timedelta(days=40)
    Subscription.objects.update(anchor=anchor)
    Period.objects.update(starts_at=anchor, ends_at=anchor + timedelta(days=30))
    page = words(browser_of_alice.get("/usage/"))
    assert "$0.00 spent of $100.00" in page
    assert "Nothing set aside or charged in this period." in page
    assert Job.objects.count() == 1


@pytest.mark.parametrize("number", [1, 12])
def test_the_number_of_queries_does_not_grow_with_the_lines(
    alice, browser_of_alice, django_assert_max_num_queries, number
):
    for _ in range(number):
        make_job(alice, status=Status.SUCCEEDED)
    with django_assert_max_num_queries(10):
        browser_of_alice.get("/usage/")
