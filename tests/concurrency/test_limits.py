"""Every limit, wherever it comes from, sold to the last piece and not a piece further by sixteen at once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, FreeDay, Grant, Hold, LedgerEntry, Notice, Period, Subscription, User
from billing.money import LIMITS
from tests.billing.make import make_amount, make_capped_key, make_hold, make_used
from tests.concurrency.actions import (
    answer,
    expire,
    hold,
    hold_or_adjust,
    hold_under_a_ceiling,
    refund,
    release_or_hold,
    take_naively_of_key,
    take_naively_of_key_unchecked,
)
from tests.concurrency.racing import race
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db(transaction=True)

MANY = 16
UNIT = {"spend": 10, "videos": 1, "seconds": 6, "key": 10}
"""What each who races takes of each limit."""


def of_plan(limit: str, number: int) -> User:
    """Make a user whose plan has room for so many."""
    return make_user(plan=make_plan(**{f"{limit}_limit": number * UNIT[limit]}))


def of_override(limit: str, number: int) -> User:
    """Make a user whose plan is unlimited, and an override is not."""
    user = make_user(plan=make_plan())
    billing.set_override(user, limit, number * UNIT[limit], reason="x", now=timezone.now(), by=ACTOR)
    return user


def of_larger_override(limit: str, number: int) -> User:
    """Make a user whose plan has nothing, and an override has."""
    user = make_user(plan=make_plan(**{f"{limit}_limit": 0}))
    billing.set_override(user, limit, number * UNIT[limit], reason="x", now=timezone.now(), by=ACTOR)
    return user


def of_grant(limit: str, number: int) -> User:
    """Make a user whose plan has room for two, and a grant for the rest."""
    user = of_plan(limit, 2)
    given = {"spend": 0, "videos": 0, "seconds": 0} | {limit: (number - 2) * UNIT[limit]}
    billing.grant(user, make_amount(**given), reason="x", now=timezone.now(), by=ACTOR)
    return user


SOURCES = {"plan": of_plan, "override": of_override, "larger override": of_larger_override, "grant": of_grant}


def sold(number: int) -> bool:
    """Say whether exactly so many were sold, and the ledger says so too."""
    rows = [Hold.objects.count(), LedgerEntry.objects.filter(kind="hold").count()]
    return rows == [number] * 2 and not list(differences())


# --- each limit, from each source -------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
@pytest.mark.parametrize("limit", LIMITS)
def test_of_sixteen_at_once_the_five_that_fit_are_held(limit, source):
    user = source(limit, 5)
    outcomes = race(hold, [(user.pk,)] * MANY)
    assert (outcomes.count("held"), outcomes.count("InsufficientQuota")) == (5, 11)
    assert sold(5)
    assert Period.objects.get().left(limit) == 0


def test_a_key_sells_no_more_than_its_cap():
    key = make_capped_key(make_user(plan=make_plan()), 50)
    outcomes = race(hold, [(key.user_id, str(key.pk))] * MANY)
    assert (outcomes.count("held"), outcomes.count("InsufficientQuota")) == (5, 11)
    key.refresh_from_db()
    assert (key.spend_held, key.left) == (50, 0)
    assert Period.objects.get().spend_held == 50
    assert sold(5)


@pytest.mark.parametrize("tightest", UNIT)
def test_of_all_limits_together_the_tightest_counts(tightest):
    room = {limit: (5 if limit == tightest else 7) * unit for limit, unit in UNIT.items()}
    plan = make_plan(**{f"{limit}_limit": room[limit] for limit in LIMITS})
    key = make_capped_key(make_user(plan=plan), room["key"])
    assert race(hold, [(key.user_id, str(key.pk))] * MANY).count("held") == 5
    assert sold(5)


def test_two_keys_of_one_user_sell_no_more_than_each_and_than_the_period():
    user = of_plan("videos", 6)
    keys = [make_capped_key(user, 40) for _ in range(2)]
    outcomes = race(hold, [(user.pk, str(key.pk)) for key in keys for _ in range(8)])
    assert outcomes.count("held") == 6
    held = sorted(ApiKey.objects.values_list("spend_held", flat=True))
    assert sum(held) == 60
    assert held[1] <= 40
    assert sold(6)


def test_holds_and_adjustments_at_once_do_not_pass_the_limit_either():
    user = of_plan("spend", 5)
    outcomes = race(hold_or_adjust, [(user.pk, wanted) for wanted in ["hold", "adjust"] * 8])
    assert outcomes.count("held") + outcomes.count("adjusted") == 5
    assert Period.objects.get().left("spend") == 0
    assert not list(differences())


def test_control_a_key_that_is_read_compared_and_added_to_oversells(unchecked):
    # This test exists to show that the rig sees the race of a key where there is one.
    key = make_capped_key(make_user(plan=make_plan()), 50)
    assert race(take_naively_of_key_unchecked, [(str(key.pk), 10)] * MANY) == ["taken"] * MANY
    key.refresh_from_db()
    assert key.left == -110


def test_control_a_key_that_is_read_compared_and_added_to_is_stopped_by_the_check():
    key = make_capped_key(make_user(plan=make_plan()), 50)
    outcomes = race(take_naively_of_key, [(str(key.pk), 10)] * MANY)
    assert (outcomes.count("taken"), outcomes.count("IntegrityError")) == (5, 11)


# --- free -------------------------------------------------------------------------------------------------------------


def test_all_of_free_together_sells_no_more_than_its_ceiling(settings):
    settings.FREE_DAILY_CEILING = 50
    users = [User.objects.create_user(f"new{number}@example.org") for number in range(MANY)]
    outcomes = race(hold_under_a_ceiling, [(user.pk, 50) for user in users])
    assert (outcomes.count("held"), outcomes.count("InsufficientQuota")) == (5, 11)
    assert FreeDay.objects.get().spend_used == 50
    assert Period.objects.count() == 5
    assert sold(5)


# --- notices ----------------------------------------------------------------------------------------------------------


def test_each_threshold_is_said_once_however_many_pass_it_at_once():
    user = of_plan("videos", 10)
    assert race(hold, [(user.pk,)] * MANY).count("held") == 10
    told = Notice.objects.values_list("limit", "kind")
    assert sorted(told) == [("videos", "limit_100"), ("videos", "limit_80")]


# --- grants that end --------------------------------------------------------------------------------------------------


def ending(number: int) -> Grant:
    """Make a grant of four units on top of four, which ends while so many hold."""
    user, now = of_plan("spend", 4), timezone.now()
    until = now + timedelta(hours=1)
    return billing.grant(user, make_amount(spend=40), reason="x", now=now, by=ACTOR, expires_at=until)


def test_a_grant_that_ends_while_eight_hold_sells_nothing_more_and_ends_once():
    given = ending(8)
    end = given.expires_at.isoformat()
    outcomes = race(hold, [(given.period.subscription.user_id, "", end)] * 8)
    assert (outcomes.count("held"), outcomes.count("InsufficientQuota")) == (4, 4)
    period = Period.objects.get()
    assert (period.spend_limit, period.spend_granted, period.left("spend")) == (40, 0, 0)
    assert list(LedgerEntry.objects.filter(kind="grant").values_list("spend", flat=True)) == [-40, 40]
    assert sold(4)


def test_of_a_grant_that_ends_what_was_held_before_stays_and_no_more():
    given = ending(8)
    user = given.period.subscription.user_id
    end, before = given.expires_at, given.expires_at - timedelta(microseconds=1)
    outcomes = race(hold, [(user, "", at.isoformat()) for at in [end, before] * 8])
    number = outcomes.count("held")
    period = Period.objects.get()
    # Who comes at its last moment finds it or finds it gone, as they are lined up.
    assert 4 <= number <= 8
    assert (period.spend_held, period.spend_limit) == (10 * number, 40 + period.spend_granted)
    assert sold(number)


def test_eight_who_end_a_grant_at_once_end_it_once():
    given = ending(8)
    outcomes = race(expire, [(given.period_id, given.expires_at.isoformat())] * 8)
    assert sorted(outcomes) == ["0"] * 7 + ["1"]
    assert Period.objects.get().spend_limit == 40
    assert not list(differences())


# --- refunds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("later", [False, True], ids=["in its period", "after its period"])
def test_one_hold_refunded_by_eight_at_once_is_refunded_once(later):
    key = make_capped_key(of_plan("spend", 4), 40)
    used = make_used(key.user, make_amount(spend=10), api_key=key)
    now = used.period.ends_at if later else timezone.now()
    outcomes = race(refund, [(used.pk, now.isoformat())] * 8)
    assert sorted(outcomes) == ["False"] * 7 + ["True"]
    assert Period.objects.get(pk=used.period_id).spend_spent == 0
    assert Grant.objects.count() == later
    key.refresh_from_db()
    assert key.spend_spent == 0
    assert not list(differences())


# --- operators' answers -----------------------------------------------------------------------------------------------


def test_of_sixteen_answers_to_one_dialog_one_is_taken():
    assert sorted(race(answer, [("billing.subscription 7", "12-0")] * MANY)) == ["False"] * (MANY - 1) + ["True"]


# --- limits that sink -------------------------------------------------------------------------------------------------


def test_holds_and_releases_at_once_sell_nothing_of_what_an_override_took_away():
    user = of_plan("spend", 16)
    taken = [make_hold(user, make_amount(spend=10)) for _ in range(8)]
    billing.set_override(user, "spend", 50, reason="x", now=timezone.now(), by=ACTOR)
    calls = [("release", held.pk) for held in taken] + [("hold", user.pk)] * 8
    outcomes = race(release_or_hold, calls)
    period = Period.objects.get()
    held = outcomes.count("held")
    assert held <= 5
    assert period.spend_held == 10 * held
    assert (period.spend_target, period.spend_limit) == (50, 50)
    assert not list(differences())


# --- months that roll on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["none", "smaller plan", "expired"])
def test_the_first_holds_of_a_new_period_open_it_once_with_the_limits_of_then(change):
    user = of_plan("videos", 30)
    now = timezone.now()
    end = make_hold(user, make_amount(spend=10), now=now).period.ends_at
    if change == "smaller plan":
        billing.change_plan(user, make_plan(videos_limit=3), now=now, by=ACTOR)
    if change == "expired":
        billing.set_expiry(user, now, now=now)
    room = {"none": 8, "smaller plan": 3, "expired": 2}[change]
    assert race(hold, [(user.pk, "", end.isoformat())] * 8).count("held") == room
    assert Period.objects.filter(starts_at=end).count() == 1
    opened = Period.objects.get(starts_at=end)
    assert (opened.videos_held, opened.videos_limit) == (room, {"none": 30, "smaller plan": 3, "expired": 2}[change])
    subscription = Subscription.objects.get()
    assert (subscription.next_plan, subscription.expires_at) == (None, None)
    assert sold(1 + room)
