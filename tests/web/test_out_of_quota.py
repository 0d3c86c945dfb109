"""What the studio says of the next period to whom a limit of this one stops."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Plan, User
from billing.services import limits_to_come
from tests.billing.make import make_amount, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user
from tests.web.conftest import browser_of
from tests.web.reading import words

pytestmark = pytest.mark.django_db


def own_limit(limit, value):
    def set_it(user, now):
        billing.set_override(user, limit, value, reason="x", now=now, by=ACTOR)

    return set_it


def cancel(user, now):
    billing.cancel_subscription(user, now=now)


def end(user, now):
    billing.set_expiry(user, now + timedelta(days=3), now=now)


def follow(slug):
    return lambda user, now: billing.change_plan(user, Plan.objects.get(slug=slug), now=now, by=ACTOR)


def nothing(user, now):
    pass


CHANGES = {
    "nothing": (nothing, 30, "30 more"),
    "leaving": (cancel, 2, "2 more"),
    "an end": (end, 2, "2 more"),
    "a smaller plan": (follow("basic"), 10, "10 more"),
    "an own limit": (own_limit("videos", 3), 3, "3 more"),
    "an own limit of none": (own_limit("videos", 0), 0, "no more"),
}


def used_up(change) -> User:
    """Return somebody on Pro whose 30 videos are used, and for whom something follows."""
    now = timezone.now()
    user = make_user(plan="pro")
    make_used(user, make_amount(videos=30))
    change(user, now)
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize(("change", "number", "brings"), CHANGES.values(), ids=CHANGES)
def test_where_all_videos_are_used_it_says_what_the_next_period_really_brings(change, number, brings):
    user = used_up(change)
    page = words(browser_of(user).get("/"))
    assert re.search(rf"All 30 videos of this period are used\. \d+ \w+ brings {brings}\.", page)
    ends_at = billing.current_period(user, timezone.now()).ends_at
    assert make_hold(user, make_amount(videos=0, spend=1), now=ends_at).period.videos_limit == number


def test_a_plan_that_follows_without_a_limit_brings_as_many_as_one_likes():
    user = make_user(plan=make_plan(videos_limit=1, spend_limit=10_000_000))
    make_used(user, make_amount(videos=1))
    billing.change_plan(user, make_plan(spend_limit=9_000_000), now=timezone.now(), by=ACTOR)
    page = words(browser_of(user).get("/"))
    assert re.search(r"The one video of this period is used\. \d+ \w+ brings as many as you like\.", page)


@pytest.mark.parametrize(("value", "brings"), [(0, "none"), (4, "4")])
def test_where_there_are_none_it_says_whether_some_come(value, brings):
    user = make_user(plan=make_plan(videos_limit=0, spend_limit=10_000_000))
    plan = make_plan(videos_limit=value, spend_limit=9_000_000)
    billing.change_plan(user, plan, now=timezone.now(), by=ACTOR)
    page = words(browser_of(user).get("/"))
    assert re.search(rf"You have no videos in this period\. \d+ \w+ brings {brings}\.", page)


@pytest.mark.parametrize(("value", "until"), [(100_000, r" until \d+ \w+"), (0, "")])
def test_money_that_does_not_come_back_is_not_said_to(value, until):
    user = make_user(plan=make_plan(spend_limit=300_000))
    billing.change_plan(user, make_plan(spend_limit=value), now=timezone.now(), by=ACTOR)
    page = words(browser_of(user).get("/"))
    assert re.search(rf"\$0\.36 needed, \$0\.30 left{until}\.", page)


@pytest.mark.parametrize("change", [cancel, end, own_limit("videos", 0), own_limit("videos", 3)])
def test_what_comes_takes_two_statements_at_most_and_only_where_a_limit_is_in_the_way(
    change, django_assert_max_num_queries
):
    user = used_up(change)
    period = billing.current_period(user, timezone.now())
    with django_assert_max_num_queries(2):  # own limits; the Free plan, where the own one ends
        limits_to_come(period)
