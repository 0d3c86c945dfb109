"""Who comes near a limit is told, once a period and threshold."""

from datetime import timedelta
from itertools import product

import pytest
from django.utils import timezone

from billing import services as billing
from billing.models import Notice, Period
from billing.money import LIMITS
from billing.services import InsufficientQuota
from tests.billing.make import make_amount, make_hold
from tests.make import ACTOR, expire_all_grants, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
BOTH = ["limit_100", "limit_80"]


def told() -> list[tuple[str, str]]:
    return sorted(Notice.objects.values_list("limit", "kind"))


def hold(user, number, *, now=NOW):
    return make_hold(user, make_amount(spend=number, videos=number, seconds=number), now=now)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("number", "kinds"), [(79, []), (80, ["limit_80"]), (99, ["limit_80"]), (100, BOTH)], ids=str)
def test_a_limit_says_at_eighty_and_at_a_hundred_percent(limit, number, kinds):
    user = make_user(plan=make_plan(**{f"{limit}_limit": 100}))
    held = hold(user, number)
    assert told() == [(limit, kind) for kind in kinds]
    assert {(notice.period, notice.created_at, notice.sent_at) for notice in Notice.objects.all()} <= {
        (held.period, NOW, None)
    }


def test_a_limit_that_is_jumped_over_says_both_at_once():
    user = make_user(plan=make_plan(videos_limit=10))
    hold(user, 7)
    assert told() == []
    hold(user, 3)
    assert told() == [("videos", kind) for kind in BOTH]


def test_each_threshold_is_said_once_a_period():
    user = make_user(plan=make_plan(videos_limit=10))
    for _ in range(3):
        billing.release(hold(user, 10), now=NOW, by=ACTOR)
        hold_of_one = hold(user, 8)
        billing.release(hold_of_one, now=NOW, by=ACTOR)
    assert told() == [("videos", kind) for kind in BOTH]


def test_the_next_period_says_it_again():
    user = make_user(plan=make_plan(videos_limit=10))
    end = hold(user, 10).period.ends_at
    hold(user, 8, now=end)
    assert Notice.objects.count() == 3
    assert [notice.kind for notice in Notice.objects.filter(period__starts_at=end)] == ["limit_80"]


def test_each_limit_says_it_for_itself():
    user = make_user(plan=make_plan(**{f"{limit}_limit": 10 for limit in LIMITS}))
    hold(user, 10)
    assert told() == sorted(product(LIMITS, BOTH))


def test_an_unlimited_limit_says_nothing():
    hold(make_user(plan=make_plan()), 10**6)
    assert told() == []


def test_a_limit_of_nothing_says_nothing():
    user = make_user(plan=make_plan(videos_limit=0))
    make_hold(user, make_amount(videos=0), now=NOW)
    with pytest.raises(InsufficientQuota):
        make_hold(user, make_amount(videos=1), now=NOW)
    assert told() == []


def test_a_hold_that_is_refused_says_nothing():
    user = make_user(plan=make_plan(videos_limit=10, spend_limit=100))
    with pytest.raises(InsufficientQuota):
        make_hold(user, make_amount(videos=10, spend=101), now=NOW)
    assert told() == []


def test_a_limit_that_was_raised_says_the_hundred_later_and_the_eighty_no_more():
    user = make_user(plan=make_plan(videos_limit=10))
    hold(user, 8)
    billing.grant(user, make_amount(videos=10), reason="x", now=NOW, by=ACTOR)
    hold(user, 8)
    assert told() == [("videos", "limit_80")]
    hold(user, 4)
    assert told() == [("videos", kind) for kind in BOTH]


def test_a_limit_that_is_set_to_nothing_says_nothing_of_what_was_used_before():
    user = make_user(plan=make_plan(videos_limit=10))
    hold(user, 5)
    billing.set_override(user, "videos", 0, reason="x", now=NOW, by=ACTOR)
    make_hold(user, make_amount(videos=0), now=NOW)
    assert told() == []


def test_a_limit_that_is_set_to_what_is_used_says_both():
    user = make_user(plan=make_plan(videos_limit=10))
    hold(user, 5)
    billing.set_override(user, "videos", 5, reason="x", now=NOW, by=ACTOR)
    assert told() == [("videos", kind) for kind in BOTH]


def end_of_grant(user, period, now):
    expire_all_grants(now)


def repair(user, period, now):
    Period.objects.filter(pk=period.pk).update(videos_limit=30, videos_target=30, videos_granted=20)
    assert billing.repair_period(period, now=now, by=ACTOR)


@pytest.mark.parametrize("reach", [end_of_grant, repair])
@pytest.mark.parametrize("over", [False, True])
def test_of_a_period_that_is_over_nobody_is_told(reach, over):
    user = make_user(plan=make_plan(videos_limit=10))
    until = NOW + timedelta(days=1)
    period = billing.grant(user, make_amount(videos=10), reason="x", now=NOW, by=ACTOR, expires_at=until).period
    hold(user, 9)
    if reach is repair:
        expire_all_grants(until)
        Notice.objects.all().delete()
    assert told() == []
    now = period.ends_at if over else period.ends_at - timedelta(microseconds=1)
    reach(user, period, now)
    assert told() == ([] if over else [("videos", "limit_80")])
