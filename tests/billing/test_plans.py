from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Period, Plan, Subscription, User
from billing.services import InsufficientQuota
from tests.billing.make import make_amount, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.mark.parametrize(
    ("slug", "monthly", "spend", "videos", "places"),
    [
        ("free", 0, 2_000_000, 2, 1),
        ("basic", 29_000_000, 25_000_000, 10, 2),
        ("pro", 79_000_000, 100_000_000, 30, 5),
        ("enterprise", 199_000_000, 500_000_000, None, 20),
    ],
)
def test_the_plans_that_are_shipped(slug, monthly, spend, videos, places):
    plan = Plan.objects.get(slug=slug)
    assert (plan.monthly_price, plan.spend_limit, plan.videos_limit) == (monthly, spend, videos)
    assert (plan.seconds_limit, plan.models_allowed, plan.jobs_at_a_time) == (None, None, places)


def test_a_user_has_one_subscription_for_life_with_one_anchor():
    user = User.objects.create_user("new@example.org")
    billing.subscription_of(user, NOW)
    for days, slug in enumerate(["pro", "free", "enterprise", "free"]):
        billing.change_plan(user, Plan.objects.get(slug=slug), now=NOW + timedelta(days=40 * days), by=ACTOR)
    subscription = Subscription.objects.get()
    assert (subscription.plan.slug, subscription.next_plan.slug, subscription.anchor) == ("enterprise", "free", NOW)


def test_a_larger_plan_holds_at_once():
    alice = make_user(plan="free")
    period = make_hold(alice).period
    billing.change_plan(alice, Plan.objects.get(slug="basic"), now=timezone.now(), by=ACTOR)
    period.refresh_from_db()
    assert (period.spend_limit, period.videos_limit) == (25_000_000, 10)
    assert make_hold(alice, make_amount(spend=20_000_000)).period == period


def test_a_smaller_plan_begins_with_the_next_period(alice):
    period = make_used(alice, make_amount(spend=90_000_000)).period
    billing.change_plan(alice, Plan.objects.get(slug="free"), now=timezone.now(), by=ACTOR)
    period.refresh_from_db()
    assert (period.spend_limit, period.videos_limit) == (100_000_000, 30)
    next_one = make_hold(alice, now=period.ends_at).period
    assert (next_one.spend_limit, next_one.videos_limit) == (2_000_000, 2)


@pytest.mark.parametrize(
    ("before", "after", "follows"),
    [
        ({"spend_limit": 10**7}, {"spend_limit": 10**7}, True),
        ({"spend_limit": 10**7}, {"spend_limit": None}, True),
        ({"spend_limit": None}, {"spend_limit": 10**12}, False),
        ({"spend_limit": 10**7, "videos_limit": 5}, {"spend_limit": 10**8, "videos_limit": 4}, False),
        ({"spend_limit": 10**7, "videos_limit": 5}, {"spend_limit": 10**8, "videos_limit": None}, True),
        ({"seconds_limit": 60}, {"seconds_limit": 59}, False),
        ({}, {}, True),
    ],
)
def test_the_open_period_follows_only_where_no_limit_becomes_smaller(before, after, follows):
    alice = make_user(plan=make_plan(**before))
    period = make_hold(alice).period
    billing.change_plan(alice, make_plan(**after), now=timezone.now(), by=ACTOR)
    period.refresh_from_db()
    names = ("spend_limit", "videos_limit", "seconds_limit")
    expected = after if follows else before
    assert {name: getattr(period, name) for name in names} == {**dict.fromkeys(names), **expected}


def test_leaving_and_coming_back_buys_no_fresh_period():
    alice = make_user(plan="free")
    make_used(alice, make_amount(spend=2_000_000))
    billing.change_plan(alice, Plan.objects.get(slug="pro"), now=timezone.now(), by=ACTOR)
    billing.change_plan(alice, Plan.objects.get(slug="free"), now=timezone.now(), by=ACTOR)
    assert Period.objects.count() == 1
    assert billing.current_period(alice, timezone.now()).spend_spent == 2_000_000


def test_a_change_of_plan_touches_no_other_user_and_no_other_period(alice, bob):
    past = make_hold(alice).period
    bobs = make_hold(bob).period
    billing.change_plan(alice, Plan.objects.get(slug="enterprise"), now=past.ends_at, by=ACTOR)
    for period in (past, bobs):
        period.refresh_from_db()
        assert period.spend_limit == 100_000_000


def test_a_change_of_a_plan_itself_leaves_open_periods_alone():
    plan = make_plan(videos_limit=1)
    alice = make_user(plan=plan)
    period = make_hold(alice).period
    Plan.objects.filter(pk=plan.pk).update(videos_limit=100)
    with pytest.raises(InsufficientQuota):
        make_hold(alice)
    assert make_hold(alice, now=period.ends_at).period.videos_limit == 100


def test_open_holds_stay_when_the_plan_changes(alice):
    held = make_hold(alice)
    billing.change_plan(alice, make_plan(videos_limit=0), now=timezone.now(), by=ACTOR)
    held.refresh_from_db()
    assert held.state == "held"
    assert billing.settle(held, now=timezone.now(), by=billing.Actor(name="worker"))
