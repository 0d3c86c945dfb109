"""The usage page: which period, what is left of each limit and why, and what one should know first."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import ApiKey, Period, Plan, Subscription
from billing.periods import period_of
from billing.services import Actor
from generation.models import Job, Status
from tests.billing.make import make_amount, make_hold, make_used
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import source, words

OLGA = Actor(name="operator 4711")


def now():
    return timezone.now()


def said(moment):
    return f"{moment.day} {moment:%B}" + ("" if moment.year == now().year else f" {moment.year}")


def period():
    """Return the only period there is."""
    return Period.objects.get()


def end_of(user):
    return billing.current_period(user, now()).ends_at


def make_earlier(user, *, days=40):
    """Let the period in which everything was charged so far be one that is over, and return the day it started."""
    subscription = Subscription.objects.get(user=user)
    anchor = subscription.anchor - timedelta(days=days)
    Subscription.objects.filter(user=user).update(anchor=anchor)
    starts_at, ends_at = period_of(anchor, anchor)
    Period.objects.filter(subscription=subscription).update(starts_at=starts_at, ends_at=ends_at)
    return f"{starts_at:%Y-%m-%d}"


# The sums


def test_after_one_free_job_the_sum_is_plain(db):
    user = make_user(plan="free")
    make_job(user, status=Status.SUCCEEDED)
    page = words(browser_of(user).get("/usage/"))
    assert "Money $0.36 spent of $2.00" in page
    assert "In your plan $2.00 Charged − $0.36 Set aside − $0.00 Left = $1.64" in page
    assert "Videos 1 used of 2" in page
    assert "In your plan 2 Charged − 1 Set aside − 0 Left = 1" in page
    assert "6 s used, no limit" in page


def test_what_is_set_aside_is_told_apart(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    make_job(alice, status=Status.RUNNING)
    page = words(browser_of_alice.get("/usage/"))
    assert "In your plan $100.00 Charged − $0.36 Set aside − $0.36 Left = $99.28" in page


def test_what_came_back_is_left_again(alice, browser_of_alice):
    make_job(alice, status=Status.FAILED)
    assert "$0.00 spent of $100.00" in words(browser_of_alice.get("/usage/"))


def test_what_was_granted_is_a_line_of_the_sum(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    billing.grant(alice, make_amount(spend=5_000_000, videos=0, seconds=0), reason="Sorry.", now=now(), by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    assert "In your plan $100.00 Granted + $5.00 Charged − $0.36 Set aside − $0.00 Left = $104.64" in page
    assert page.count("Granted +") == 1, "nothing was granted of the others"


def test_an_own_limit_says_instead_of_which(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    billing.set_override(alice, "spend", 40_000_000, reason="Asked.", now=now(), by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    assert "Set for you, instead of $100.00 $40.00 Charged − $0.36" in page
    assert "In your plan 30 Charged" in page


def test_an_own_limit_before_the_first_job_is_shown(alice, browser_of_alice):
    billing.set_override(alice, "videos", None, reason="Asked.", now=now(), by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    assert "0 used, no limit Charged 0 Set aside 0 Set for you, instead of 30 no limit" in page
    assert Period.objects.count() == 0, "looking opens nothing"


def test_an_own_limit_that_is_the_plans_is_the_plans(alice, browser_of_alice):
    billing.set_override(alice, "spend", 100_000_000, reason="Asked.", now=now(), by=OLGA)
    assert "Set for you" not in words(browser_of_alice.get("/usage/"))


def test_a_limit_lowered_below_what_is_used_says_where_the_period_stops(alice, browser_of_alice):
    make_used(alice, make_amount(spend=12_000_000))
    billing.set_override(alice, "spend", 10_000_000, reason="Asked.", now=now(), by=OLGA)
    page = words(browser_of_alice.get("/usage/"))
    origin = "Set for you, instead of $100.00 $10.00 Stops at what is used + $2.00"
    assert f"{origin} Charged − $12.00 Set aside − $0.00 Left = $0.00" in page
    stops = "stops at $12.00, since that much is used or set aside already. What comes back of it can't be used again."
    assert f"The limit is $10.00 now, and {stops}" in page


def test_a_grant_that_ended_after_it_was_used_says_where_the_period_stops(db):
    user = make_user(plan=make_plan(spend_limit=1_000_000, videos_limit=10))
    end, amount = now() + timedelta(hours=1), make_amount(spend=500_000, videos=0, seconds=0)
    period = billing.grant(user, amount, reason="Sorry.", now=now(), by=OLGA, expires_at=end).period
    make_used(user, make_amount(spend=1_200_000, videos=1))
    billing.expire_grants(period, end)
    page = words(browser_of(user).get("/usage/"))
    assert "In your plan $1.00 Stops at what is used + $0.20 Charged − $1.20 Set aside − $0.00 Left = $0.00" in page
    assert "The limit is $1.00 now, and stops at $1.20" in page
    assert page.count("stops at") == 1


def test_a_stop_and_a_plan_that_was_changed_are_both_told(alice, browser_of_alice):
    end = now() + timedelta(hours=1)
    given = billing.grant(alice, make_amount(spend=9_000_000), reason="Sorry.", now=now(), by=OLGA, expires_at=end)
    make_used(alice, make_amount(spend=103_000_000))
    billing.expire_grants(given.period, end)
    Plan.objects.filter(slug="pro").update(spend_limit=50_000_000)
    page = words(browser_of_alice.get("/usage/"))
    assert "In this period $100.00 Stops at what is used + $3.00 Charged − $103.00" in page
    assert "this period keeps $100.00 until" in page
    assert "The limit is $100.00 now, and stops at $103.00" in page


def test_a_plan_that_was_changed_meanwhile_says_what_the_period_keeps(alice, browser_of_alice):
    make_job(alice)
    Plan.objects.filter(slug="pro").update(spend_limit=50_000_000, videos_limit=None)
    page = words(browser_of_alice.get("/usage/"))
    assert f"Your plan says $50.00 now; this period keeps $100.00 until {said(end_of(alice))}." in page
    assert "Your plan says no limit now; this period keeps 30 until" in page


def test_without_limits_there_is_no_bar(db):
    user = make_user(plan=make_plan())
    make_job(user, status=Status.SUCCEEDED)
    answer = browser_of(user).get("/usage/")
    assert "$0.36 spent, no limit Charged $0.36 Set aside $0.00 In your plan no limit" in words(answer)
    assert 'class="meter' not in source(answer)


def test_a_limit_of_none_says_so_without_a_bar(db):
    user = make_user(plan=make_plan(videos_limit=0))
    answer = browser_of(user).get("/usage/")
    assert "Videos None in your plan Seconds of video" in words(answer)
    assert 'class="meter' not in source(answer)
    assert "All 0" not in words(answer)


def test_none_set_by_the_operator_says_instead_of_what(alice, browser_of_alice):
    billing.set_override(alice, "videos", 0, reason="Asked.", now=now(), by=OLGA)
    assert "Videos None set for you, instead of 30" in words(browser_of_alice.get("/usage/"))


# The period


def test_the_period_says_its_days_and_its_renewal(alice, browser_of_alice):
    page = words(browser_of_alice.get("/usage/"))
    dates = r"\d+ \w+( \d{4})?"
    assert re.search(rf"{dates} to {dates}\. \d+ days left\. Renews {dates}, \d\d:\d\d \(UTC\)\.", page)
    assert "Your plan is Pro." in page


def test_the_days_are_those_of_the_time_zone(alice, browser_of_alice, settings, time_machine):
    settings.TIME_ZONE = "Pacific/Auckland"
    time_machine.move_to(datetime(2026, 11, 9, 12, tzinfo=UTC), tick=False)
    Subscription.objects.update(anchor=datetime(2026, 11, 1, 20, tzinfo=UTC))
    page = words(browser_of_alice.get("/usage/"))
    assert "2 November to 2 December. 22 days left. Renews 2 December, 09:00 (NZDT)." in page


def test_the_last_day_says_so(alice, browser_of_alice):
    # Months are counted from the anchor: this one's end two hours from now. 2024 has a 29th of February.
    Subscription.objects.update(anchor=(now() + timedelta(hours=2)).replace(year=2024))
    assert re.search(r"It ends (today|tomorrow)\.", words(browser_of_alice.get("/usage/")))


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("2026-11-29T23:59", "1 day left"),
        ("2026-11-30T00:00", "1 day left"),
        ("2026-11-30T00:01", "It ends today"),  # at midnight
        ("2026-11-30T23:59", "It ends today"),
    ],
)
def test_a_period_that_ends_at_midnight_ends_on_the_day_before(alice, browser_of_alice, time_machine, at, says):
    Subscription.objects.update(anchor=datetime(2026, 11, 1, tzinfo=UTC))
    time_machine.move_to(datetime.fromisoformat(f"{at}+00:00"), tick=False)
    assert f"{says}. Renews 1 December, 00:00" in words(browser_of_alice.get("/usage/"))


@pytest.mark.parametrize(
    ("at", "says"), [("2026-11-30T20:00", "It ends tomorrow"), ("2026-12-01T00:30", "It ends today")]
)
def test_in_its_last_hours_a_period_may_end_tomorrow(alice, browser_of_alice, time_machine, at, says):
    Subscription.objects.update(anchor=datetime(2026, 11, 1, 15, tzinfo=UTC))
    time_machine.move_to(datetime.fromisoformat(f"{at}+00:00"), tick=False)
    assert f"{says}. Renews 1 December, 15:00" in words(browser_of_alice.get("/usage/"))


def test_an_earlier_period_is_not_counted(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    make_earlier(alice)
    page = words(browser_of_alice.get("/usage/"))
    assert "$0.00 spent of $100.00" in page
    assert "Nothing set aside or charged in this period." in page
    assert Job.objects.count() == 1


def test_an_earlier_period_can_be_looked_at(alice, browser_of_alice):
    make_job(alice, status=Status.SUCCEEDED)
    starts = make_earlier(alice)
    offered = source(browser_of_alice.get("/usage/"))
    assert f'<option value="{starts}">' in offered
    page = words(browser_of_alice.get(f"/usage/?period={starts}"))
    assert "This period is over." in page
    assert "In this period $100.00 Charged − $0.36 Set aside − $0.00 Not used = $99.64" in page
    assert "Your plan is" not in page, "nobody knows any more which it was"
    assert f'<option value="{starts}" selected>' in source(browser_of_alice.get(f"/usage/?period={starts}"))


def test_an_only_period_offers_no_choice(alice, browser_of_alice):
    make_job(alice)
    assert "<select" not in source(browser_of_alice.get("/usage/"))


def test_the_current_period_can_be_named(alice, browser_of_alice):
    make_job(alice)
    starts = period().starts_at
    assert "days left" in words(browser_of_alice.get(f"/usage/?period={starts:%Y-%m-%d}"))


@pytest.mark.parametrize("asked", ["x", "1999-01-01", "9999-12-31", "0001-01-01", "2026-13-01", "7", "²"])
@pytest.mark.parametrize("path", ["/usage/", "/usage/lines.csv"])
def test_a_period_that_there_is_not_is_not_found(alice, browser_of_alice, path, asked):
    assert browser_of_alice.get(path, {"period": asked}).status_code == 404


def test_periods_of_others_are_not_found(alice, browser_of_bob):
    make_job(alice)
    starts = make_earlier(alice)
    assert browser_of_bob.get(f"/usage/?period={starts}").status_code == 404
    assert starts not in source(browser_of_bob.get("/usage/"))


# What to know first


def test_at_eighty_percent_a_line_warns(db):
    user = make_user(plan=make_plan(spend_limit=1_000_000, videos_limit=10))
    make_used(user, make_amount(spend=500_000, videos=2))
    make_hold(user, make_amount(spend=340_000, videos=6))
    page = words(browser_of(user).get("/usage/"))
    assert f"84 % of the $1.00 of this period is spent or set aside; $0.16 left until {said(end_of(user))}." in page
    assert "80 % of the 10 videos of this period are used or set aside; 2 videos left until" in page


def test_at_a_hundred_percent_a_line_says_when_the_next_period_begins(db):
    user = make_user(plan=make_plan(spend_limit=500_000, seconds_limit=6))
    make_used(user, make_amount())
    answer = browser_of(user).get("/usage/")
    ends = said(end_of(user))
    assert f"All $0.50 of this period is spent or set aside. The next period begins on {ends}." in words(answer)
    assert "All 6 s of video of this period are used or set aside." in words(answer)
    assert source(answer).count('class="message message--error"') == 2


def test_below_eighty_percent_nothing_is_said(db):
    user = make_user(plan=make_plan(spend_limit=1_000_000))
    make_used(user, make_amount(spend=799_999))
    assert 'class="message' not in source(browser_of(user).get("/usage/"))


def test_past_due_says_since_when(alice, browser_of_alice):
    since = now()
    billing.set_past_due(alice, now=since)
    still = "New videos can be made once it has arrived, also on another plan or on Free; what is under way goes on."
    expected = f"Payment is due since {said(since)}. {still}"
    assert expected in words(browser_of_alice.get("/usage/"))


def test_a_smaller_plan_says_from_when(alice, browser_of_alice):
    make_job(alice)
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=now(), by=ACTOR)
    page = words(browser_of_alice.get("/usage/"))
    assert f"You keep today's limits until {said(end_of(alice))}; then Basic's." in page
    assert "Your plan is Pro." in page


def test_a_plan_that_has_begun_is_no_news(alice, browser_of_alice):
    make_job(alice)
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=now(), by=ACTOR)
    make_earlier(alice)
    Subscription.objects.update(next_plan_at=period().ends_at)
    page = words(browser_of_alice.get("/usage/"))
    assert "Your plan is Basic." in page
    assert "You keep" not in page


def test_an_end_says_until_when_the_limits_hold(alice, browser_of_alice):
    make_job(alice)
    expires_at = now() + timedelta(days=3)
    billing.set_expiry(alice, expires_at, now=now())
    page = words(browser_of_alice.get("/usage/"))
    until = f"You keep its limits until {said(end_of(alice))}; then Free's."
    assert f"Your plan ends on {said(expires_at)}. {until}" in page


def test_an_end_that_is_the_end_of_a_period_adds_none(alice, browser_of_alice):
    make_job(alice)
    ends_at = end_of(alice)
    billing.set_expiry(alice, ends_at, now=now())
    page = words(browser_of_alice.get("/usage/"))
    assert f"Your plan ends on {said(ends_at)}. You keep its limits until {said(ends_at)}; then Free's." in page


def test_where_a_plan_would_follow_as_the_own_one_ends_it_is_free(alice, browser_of_alice):
    make_job(alice)
    ends_at = end_of(alice)
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=now(), by=ACTOR)
    billing.set_expiry(alice, ends_at, now=now())
    page = words(browser_of_alice.get("/usage/"))
    assert "then Free's." in page
    assert "Basic" not in page


def test_a_grant_that_ends_says_when(alice, browser_of_alice):
    until = now() + timedelta(days=2)
    billing.grant(alice, make_amount(), reason="Sorry.", now=now(), by=OLGA, expires_at=until)
    page = words(browser_of_alice.get("/usage/"))
    assert f"Something granted to you ends on {said(until)}, {until:%H:%M}. What is unused of it then is gone." in page


def test_a_grant_that_ends_with_the_period_or_was_to_outlive_it_has_no_end_of_its_own(alice, browser_of_alice):
    given = billing.grant(alice, make_amount(), reason="Sorry.", now=now(), by=OLGA)
    for after in (timedelta(0), timedelta(days=30)):
        Period.objects.update(grant_expires_at=given.period.ends_at + after)
        assert "Something granted to you ends" not in words(browser_of_alice.get("/usage/"))


def test_a_grant_that_is_over_is_gone_before_anybody_has_ended_it(alice, browser_of_alice):
    make_job(alice)
    then = now() - timedelta(hours=2)
    Subscription.objects.update(anchor=then)
    Period.objects.update(starts_at=then)
    amount, over = make_amount(spend=5_000_000, videos=0, seconds=0), now() - timedelta(hours=1)
    billing.grant(alice, amount, reason="Sorry.", now=then, by=OLGA, expires_at=over)
    page = words(browser_of_alice.get("/usage/"))
    assert "In your plan $100.00 Charged − $0.00 Set aside − $0.36 Left = $99.64" in page
    assert "Something granted" not in page


def test_a_limit_that_was_set_to_nothing_says_nothing_of_what_was_used_before(alice, browser_of_alice):
    make_used(alice, make_amount(videos=5))
    billing.set_override(alice, "videos", 0, reason="Asked.", now=now(), by=OLGA)
    assert "All 5 videos" not in words(browser_of_alice.get("/usage/"))


def test_an_earlier_period_warns_of_nothing(db):
    user = make_user(plan=make_plan(spend_limit=500_000))
    make_used(user, make_amount())
    billing.set_past_due(user, now=now())
    starts = make_earlier(user)
    assert 'class="message' not in source(browser_of(user).get(f"/usage/?period={starts}"))


# Keys


def test_a_key_with_a_cap_has_a_sum_of_its_own(alice, browser_of_alice):
    key, _ = billing.create_api_key(alice, "ci", spend_limit=10_000_000)
    make_used(alice, make_amount(spend=3_000_000), api_key=key)
    make_hold(alice, make_amount(spend=500_000), api_key=key)
    page = words(browser_of_alice.get("/usage/"))
    assert "A cap is for the life of its key and does not renew." in page
    sums = "Cap $10.00 Charged − $3.00 Set aside − $0.50 Left = $6.50"
    assert f"ci ({key.prefix}…) $3.00 spent of $10.00 {sums}" in page


def test_keys_without_a_cap_and_those_of_the_past_are_left_out(alice, bob, browser_of_alice):
    billing.create_api_key(alice, "boundless")
    billing.create_api_key(bob, "bobs", spend_limit=1)
    revoked, _ = billing.create_api_key(alice, "revoked", spend_limit=1)
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=now())
    assert "API keys with a cap" not in words(browser_of_alice.get("/usage/"))


def test_a_cap_of_none_has_no_bar(alice, browser_of_alice):
    billing.create_api_key(alice, "closed", spend_limit=0)
    page = browser_of_alice.get("/usage/")
    assert "Its cap is $0.00" in words(page)
    assert source(page).count('<svg class="meter') == 2, "money and videos"


# All of it


def test_anonymous_goes_to_the_login_page(client, db):
    for path in ("/usage/", "/usage/lines.csv"):
        assert client.get(path)["Location"].startswith("/accounts/login/")


def test_the_number_of_queries_does_not_grow(alice, browser_of_alice, django_assert_num_queries):
    def made(number):
        for each in range(number):
            key, _ = billing.create_api_key(alice, f"key {each}", spend_limit=10_000_000)
            make_job(alice, status=Status.SUCCEEDED, model=f"maker/{each}", api_key=key)

    made(1)
    with django_assert_num_queries(13):
        browser_of_alice.get("/usage/")
    made(11)
    with django_assert_num_queries(13):
        browser_of_alice.get("/usage/")
