"""Extra for one period, and its end."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Grant, LedgerEntry, Period
from billing.money import LIMITS, Amount
from billing.services import InsufficientQuota
from tests.billing.make import everything, limits, make_amount, make_hold, make_price, make_used
from tests.make import ACTOR, expire_all_grants, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TOMORROW = NOW + timedelta(days=1)
BEFORE = timedelta(microseconds=1)


def amount(spend: int = 0, videos: int = 0, seconds: int = 0) -> Amount:
    return Amount(spend=spend, videos=videos, seconds=seconds)


@pytest.fixture
def user():
    """Is somebody who may spend 100 micro-dollars on 10 videos of 60 seconds together."""
    return make_user(plan=make_plan(spend_limit=100, videos_limit=10, seconds_limit=60))


def give(user, *, spend=0, videos=0, seconds=0, now=NOW, until=None) -> Grant:
    given = amount(spend, videos, seconds)
    return billing.grant(user, given, reason="An apology", now=now, by=ACTOR, expires_at=until)


def hold(user, spend, *, now=NOW):
    return make_hold(user, amount(spend, 0, 1), now=now)


def sums(period: Period) -> tuple[int | None, int, int]:
    """Return limit, grants and what is left, of spend."""
    period.refresh_from_db()
    return period.spend_limit, period.spend_granted, period.left("spend")


# --- giving -----------------------------------------------------------------------------------------------------------


def test_a_grant_adds_to_the_limits_and_writes_who_and_why(user):
    given = give(user, spend=50, videos=2, seconds=30)
    assert limits(given.period) == (150, 12, 90)
    line = LedgerEntry.objects.get()
    assert (line.kind, line.spend, line.videos, line.seconds) == ("grant", 50, 2, 30)
    assert (line.grant, line.period, line.hold, line.actor, line.request_id) == (
        given,
        given.period,
        None,
        ACTOR.name,
        ACTOR.request_id,
    )
    assert (line.reason, line.at) == ("An apology", NOW)
    assert not list(differences())


@pytest.mark.parametrize("limit", LIMITS)
def test_a_grant_of_one_limit_leaves_the_others(user, limit):
    period = give(user, **{limit: 1}).period
    before = {"spend": 100, "videos": 10, "seconds": 60}
    period.refresh_from_db()
    for each in LIMITS:
        assert getattr(period, f"{each}_limit") == before[each] + (each == limit)
        assert getattr(period, f"{each}_granted") == (each == limit)


def test_what_is_granted_can_be_held_to_the_last_micro(user):
    hold(user, 100)
    with pytest.raises(InsufficientQuota):
        hold(user, 1)
    give(user, spend=5)
    hold(user, 5)
    with pytest.raises(InsufficientQuota):
        hold(user, 1)


def test_a_grant_on_top_of_unlimited_stays_unlimited_and_has_its_line():
    user = make_user(plan=make_plan())
    period = give(user, spend=5).period
    assert limits(period) == (None, None, None)
    assert LedgerEntry.objects.get().spend == 5
    assert period.spend_granted == 5
    assert not list(differences())


def test_a_grant_lifts_a_limit_of_nothing():
    user = make_user(plan=make_plan(spend_limit=0))
    give(user, spend=5)
    hold(user, 5)
    with pytest.raises(InsufficientQuota):
        hold(user, 1)


@pytest.mark.parametrize("given", [amount(), amount(-1), amount(5, -1), amount(5, 0, -1)])
def test_what_grants_nothing_is_refused(user, given):
    before = everything()
    with pytest.raises(ValueError, match="allowed"):
        billing.grant(user, given, reason="x", now=NOW, by=ACTOR)
    assert everything() == before


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("after", [timedelta(0), BEFORE, timedelta(days=30)])
def test_a_grant_ends_with_its_period_and_no_later_end_is_promised(user, after, opened):
    ends_at = hold(user, 1).period.ends_at if opened else billing.current_period(user, NOW).ends_at
    before = everything()
    with pytest.raises(ValueError, match="when the period ends, or none"):
        give(user, spend=5, until=ends_at + after)
    assert everything() == before
    assert give(user, spend=5, until=ends_at - BEFORE).expires_at == ends_at - BEFORE


@pytest.mark.parametrize("until", [NOW, NOW - BEFORE])
def test_a_grant_that_is_over_is_refused(user, until):
    before = everything()
    with pytest.raises(ValueError, match="allowed: a moment to come, or none"):
        give(user, spend=5, until=until)
    assert everything() == before


def test_a_grant_is_for_its_period_and_not_for_a_later_one(user):
    period = give(user, spend=50).period
    later = hold(user, 1, now=period.ends_at).period
    assert (limits(period)[0], limits(later)[0]) == (150, 100)
    give(user, spend=7, now=period.ends_at)
    assert (limits(period)[0], limits(later)[0]) == (150, 107)


def test_a_grant_opens_the_period_with_the_plan_that_has_begun(user):
    end = hold(user, 1).period.ends_at
    billing.change_plan(user, make_plan(spend_limit=10), now=NOW, by=ACTOR)
    assert limits(give(user, spend=5, now=end).period)[0] == 15


# --- expiring ---------------------------------------------------------------------------------------------------------


def test_what_is_unused_of_a_grant_goes_and_its_line_says_so(user):
    given = give(user, spend=50, videos=2, seconds=30, until=TOMORROW)
    assert billing.expire_grants(given.period, TOMORROW) == 1
    assert limits(given.period) == (100, 10, 60)
    line = LedgerEntry.objects.first()
    assert (line.kind, line.grant, line.actor) == ("grant", given, "watcher")
    assert (line.spend, line.videos, line.seconds) == (-50, -2, -30)
    given.refresh_from_db()
    assert given.expired_at == TOMORROW
    assert not list(differences())


@pytest.mark.parametrize("resolve", [None, billing.settle])
@pytest.mark.parametrize("used", [90, 100, 101, 130, 150])
def test_what_is_spent_or_held_of_a_grant_stays_and_can_not_be_used_again(user, used, resolve):
    period = give(user, spend=50, until=TOMORROW).period
    held = hold(user, used)
    if resolve:
        resolve(held, now=NOW, by=ACTOR)
    billing.expire_grants(period, TOMORROW)
    assert sums(period) == (max(used, 100), 0, max(100 - used, 0))
    assert not list(differences())
    if resolve:
        billing.refund(held, reason="x", now=TOMORROW, by=ACTOR)
    else:
        billing.release(held, now=TOMORROW, by=ACTOR)
    assert sums(period) == (100, 0, 100)
    assert not list(differences())


def test_a_grant_holds_until_the_very_moment_of_its_end(user):
    give(user, spend=50, until=TOMORROW)
    assert hold(user, 110, now=TOMORROW - BEFORE).spend == 110
    with pytest.raises(InsufficientQuota) as refused:
        hold(user, 1, now=TOMORROW)
    assert refused.value.available == 0


def test_a_hold_at_the_very_moment_of_the_end_sells_nothing_of_the_grant(user):
    give(user, spend=50, until=TOMORROW)
    with pytest.raises(InsufficientQuota) as refused:
        hold(user, 101, now=TOMORROW)
    assert (refused.value.required, refused.value.available) == (101, 100)
    held = hold(user, 100, now=TOMORROW)
    assert sums(held.period) == (100, 0, 0)
    assert LedgerEntry.objects.filter(kind="grant").count() == 2


def test_of_two_grants_the_one_that_is_over_goes_and_the_other_stays(user):
    period = give(user, spend=50, until=TOMORROW).period
    give(user, spend=7)
    assert billing.expire_grants(period, TOMORROW) == 1
    assert sums(period) == (107, 7, 107)
    assert period.grant_expires_at is None


def test_of_two_grants_that_end_one_after_the_other_each_goes_in_its_time(user):
    period = give(user, spend=50, until=TOMORROW + timedelta(days=1)).period
    give(user, spend=7, until=TOMORROW)
    hold(user, 120, now=NOW)
    assert billing.expire_grants(period, TOMORROW) == 1
    assert sums(period) == (150, 50, 30)
    assert period.grant_expires_at == TOMORROW + timedelta(days=1)
    assert billing.expire_grants(period, TOMORROW + timedelta(days=1)) == 1
    assert sums(period) == (120, 0, 0)
    assert not list(differences())


def test_two_grants_that_end_together_take_no_more_than_is_unused(user):
    period = give(user, spend=50, until=TOMORROW).period
    give(user, spend=50, until=TOMORROW)
    hold(user, 130)
    assert billing.expire_grants(period, TOMORROW) == 2
    assert sums(period) == (130, 0, 0)
    assert list(Grant.objects.filter(expired_at=None)) == []
    assert not list(differences())


def test_a_grant_ends_once(user):
    period = give(user, spend=50, until=TOMORROW).period
    assert billing.expire_grants(period, TOMORROW) == 1
    before = everything()
    assert billing.expire_grants(period, TOMORROW) == 0
    assert everything() == before


def test_before_its_time_a_grant_does_not_end(user):
    period = give(user, spend=50, until=TOMORROW).period
    before = everything()
    assert billing.expire_grants(period, TOMORROW - BEFORE) == 0
    assert everything() == before


def test_an_unlimited_limit_stays_unlimited_when_a_grant_ends():
    period = give(make_user(plan=make_plan()), spend=50, until=TOMORROW).period
    billing.expire_grants(period, TOMORROW)
    assert limits(period) == (None, None, None)
    assert not list(differences())


def test_the_watcher_ends_all_grants_whose_time_is_over(user):
    periods = [give(each, spend=50, until=TOMORROW).period for each in (user, make_user(plan=make_plan(spend_limit=1)))]
    later = give(make_user(plan=make_plan(spend_limit=1)), spend=5, until=TOMORROW + BEFORE).period
    assert expire_all_grants(TOMORROW) == 2
    assert [limits(period)[0] for period in (*periods, later)] == [100, 1, 6]


def test_grants_on_another_period_are_left_alone(user):
    day = timedelta(days=1)
    first = give(user, spend=50, until=NOW + day).period
    second = give(user, spend=7, now=first.ends_at, until=first.ends_at + day).period
    third = give(user, spend=3, now=second.ends_at, until=second.ends_at + day).period
    assert billing.expire_grants(second, NOW + timedelta(days=100)) == 1
    assert [limits(period)[0] for period in (first, second, third)] == [150, 100, 103]


def test_a_refused_hold_leaves_the_end_of_a_grant_to_others(user):
    give(user, spend=50, until=TOMORROW)
    make_used(user, make_amount(spend=100, seconds=1))
    before = everything()
    with pytest.raises(InsufficientQuota):
        hold(user, 1, now=TOMORROW)
    assert everything() == before


# --- before anybody has ended them ------------------------------------------------------------------------------------


def looks(user, now):
    """Return the period as both ways of looking give it, and the real one after what is over has ended."""
    price = make_price(model="m")
    seen = [billing.price_and_period(user, price.model, "", now)[1], billing.current_period(user, now)]
    expire_all_grants(now)
    return [*seen, Period.objects.get()]


def shown(period) -> dict[str, object]:
    columns = ("limit", "target", "granted", "spent", "held")
    row = {f"{limit}_{column}": getattr(period, f"{limit}_{column}") for limit in LIMITS for column in columns}
    return row | {"grant_expires_at": period.grant_expires_at}


@pytest.mark.parametrize("used", [1, 90, 120, 150, 160])
@pytest.mark.parametrize("unlimited", [False, True])
def test_who_looks_sees_what_the_next_hold_finds_and_not_what_has_ended_meanwhile(user, used, unlimited):
    give(user, spend=50, videos=2, seconds=3, until=TOMORROW)
    give(user, spend=7, until=TOMORROW)
    give(user, spend=2, seconds=1, until=TOMORROW + BEFORE)
    give(user, spend=1)
    if unlimited:
        billing.set_override(user, "videos", None, reason="x", now=NOW, by=ACTOR)
    hold(user, used)
    at_once, apart, after = looks(user, TOMORROW)
    assert shown(at_once) == shown(apart) == shown(after)
    assert after.spend_granted == 3


def test_who_looks_in_time_sees_the_grant_and_takes_no_more_statements(user, django_assert_num_queries):
    give(user, spend=50, until=TOMORROW)
    price = make_price(model="m")
    for look in (
        lambda: billing.price_and_period(user, price.model, "", TOMORROW - BEFORE)[1],
        lambda: billing.current_period(user, TOMORROW - BEFORE),
    ):
        with django_assert_num_queries(1):
            period = look()
        assert period.left("spend") == 150


def test_looking_ends_nothing(user):
    give(user, spend=50, until=TOMORROW)
    before = everything()
    assert billing.current_period(user, TOMORROW).left("spend") == 100
    assert everything() == before
