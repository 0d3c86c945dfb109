"""One rule for a limit: what is meant to hold with the grants in force, but never less than is spent and held."""

from datetime import timedelta
from itertools import permutations

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Grant, LimitsEntry, Notice, Override, Plan, User
from tests.billing.make import everything, limits, make_amount, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
TOMORROW = NOW + timedelta(days=1)


@pytest.fixture
def user():
    """Is somebody who may spend 100 micro-dollars a month, as the next request sees him."""
    return User.objects.get(pk=make_user(plan=make_plan(spend_limit=100)).pk)


def override(user, value, *, by=ACTOR):
    return billing.set_override(user, "spend", value, reason="Asked for", now=NOW, by=by)


def give(user, spend, *, until=None) -> Grant:
    amount = make_amount(spend=spend, videos=0, seconds=0)
    return billing.grant(user, amount, reason="x", now=NOW, by=ACTOR, expires_at=until)


def hold(user, spend):
    return make_hold(user, make_amount(spend=spend), now=NOW)


def adjust(user, spend):
    billing.adjust(user, make_amount(spend=spend, videos=0, seconds=0), reason="x", now=NOW, by=ACTOR)


def stands(period) -> tuple[int | None, int | None, int | None]:
    """Return what holds, what is meant to hold, and what is left, once the ledger has said so too."""
    period.refresh_from_db()
    assert not list(differences())
    return period.spend_limit, period.spend_target, period.left("spend")


# --- sinking ----------------------------------------------------------------------------------------------------------


BACK = {
    "released": lambda user, held: billing.release(held, now=NOW, by=ACTOR),
    "refunded": lambda user, held: (
        billing.settle(held, now=NOW, by=ACTOR),
        billing.refund(held, reason="x", now=NOW, by=ACTOR),
    ),
    "adjusted": lambda user, held: (billing.settle(held, now=NOW, by=ACTOR), adjust(user, -held.spend)),
    "refunded late": lambda user, held: (
        billing.settle(held, now=NOW, by=ACTOR),
        billing.refund(held, reason="x", now=held.period.ends_at, by=ACTOR),
    ),
}
back = pytest.mark.parametrize("comes_back", BACK.values(), ids=BACK)


@back
def test_what_a_lower_override_took_away_can_not_be_used_again(user, comes_back):
    kept, held = hold(user, 30), hold(user, 50)
    override(user, 20)
    assert stands(kept.period) == (80, 20, 0)
    comes_back(user, held)
    assert stands(kept.period) == (30, 20, 0)
    billing.release(kept, now=NOW, by=ACTOR)
    assert stands(kept.period) == (20, 20, 20)


@back
def test_what_ended_of_a_grant_can_not_be_used_again(user, comes_back):
    period = give(user, 50, until=TOMORROW).period
    held = hold(user, 130)
    billing.expire_grants(period, TOMORROW)
    assert stands(period) == (130, 100, 0)
    comes_back(user, held)
    assert stands(period) == (100, 100, 100)


def test_settling_leaves_the_limit_where_it_stops(user):
    held = hold(user, 50)
    override(user, 20)
    billing.settle(held, now=NOW, by=ACTOR)
    assert stands(held.period) == (50, 20, 0)


def test_a_limit_sinks_no_further_than_its_target(user):
    held = hold(user, 50)
    override(user, 20)
    give(user, 15)
    billing.release(held, now=NOW, by=ACTOR)
    assert stands(held.period) == (35, 35, 35)


def test_what_costs_nothing_of_a_limit_that_stops_is_held(user):
    # Videos stop at one of none; what counts no video fits.
    held = hold(user, 50)
    billing.set_override(user, "videos", 0, reason="x", now=NOW, by=ACTOR)
    make_hold(user, make_amount(spend=1, videos=0), now=NOW)
    assert limits(held.period) == (100, 1, None)


# --- in any order -----------------------------------------------------------------------------------------------------


STEPS = {
    "override": lambda user: override(user, 20),
    "grant": lambda user: give(user, 7),
    "ending grant": lambda user: give(user, 50, until=TOMORROW),
}


@pytest.mark.parametrize("used", [0, 60])
@pytest.mark.parametrize("order", list(permutations(STEPS)), ids=" then ".join)
def test_overrides_and_grants_come_to_the_same_in_any_order(user, order, used):
    if used:
        hold(user, used)
    for step in order:
        STEPS[step](user)
    period = give(user, 1).period
    assert stands(period)[:2] == (max(78, used), 78)
    billing.expire_grants(period, TOMORROW)
    assert stands(period)[:2] == (max(28, used), 28)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    assert stands(period)[:2] == (108, 108)


def test_a_grant_that_ended_while_an_override_stopped_the_period_is_gone_when_that_is_removed(user):
    period = give(user, 50, until=TOMORROW).period
    held = hold(user, 130)
    override(user, 20)
    billing.expire_grants(period, TOMORROW)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    assert stands(period) == (130, 100, 0)
    billing.release(held, now=NOW, by=ACTOR)
    assert stands(period) == (100, 100, 100)


@pytest.mark.parametrize("value", [20, None])
def test_the_same_override_again_changes_nothing_and_eats_no_grant(user, value):
    period = give(user, 50).period
    first = override(user, value)
    before = everything()
    assert override(user, value, by=billing.Actor(name="another")) == first
    assert everything() == before
    assert stands(period)[0] == (None if value is None else 70)


def test_the_same_models_again_change_nothing(user):
    hold(user, 1)
    for _ in range(2):
        billing.set_override(user, "models", ["a", "b"], reason="x", now=NOW, by=ACTOR)
        before = everything()
    assert everything() == before


def test_unlimited_and_back_keeps_what_was_granted(user):
    period = give(user, 50).period
    override(user, None)
    hold(user, 170)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    assert stands(period) == (170, 150, 0)


# --- what proves it ---------------------------------------------------------------------------------------------------


def test_each_change_of_a_limit_is_a_line_that_says_who_and_why(user):
    hold(user, 1)
    override(user, 20, by=billing.Actor(name="operator 7"))
    by = billing.Actor(name="operator 8")
    billing.change_plan(user, make_plan(spend_limit=1000), now=NOW, by=by, reason="he asked for it")
    billing.remove_override(user, "spend", now=NOW, by=by, reason="no longer needed")
    lines = LimitsEntry.objects.order_by("pk")
    assert list(lines.values_list("spend", "actor")) == [
        (100, ACTOR.name),
        (20, "operator 7"),
        (20, "operator 8"),
        (1000, "operator 8"),
    ]
    said = [line.reason for line in lines]
    assert said[0].startswith("Opened on plan-")
    assert said[1] == "Own limit of spend: Asked for"
    assert said[2].startswith("Changed to plan-")
    assert said[2].endswith(": he asked for it")
    assert said[3] == "The plan's limit of spend again: no longer needed"


def test_a_line_of_limits_knows_nothing_of_grants(user):
    period = give(user, 50).period
    override(user, 20)
    assert list(LimitsEntry.objects.order_by("pk").values_list("spend", flat=True)) == [100, 20]
    assert stands(period)[:2] == (70, 70)


# --- notices ----------------------------------------------------------------------------------------------------------


def told() -> list[str]:
    return sorted(Notice.objects.values_list("kind", flat=True))


REACHED = {
    "an adjustment to 80": (lambda user: adjust(user, 30), ["limit_80"]),
    "an adjustment to 100": (lambda user: adjust(user, 50), ["limit_100", "limit_80"]),
    "an override to 80": (lambda user: override(user, 62), ["limit_80"]),
    "an override that stops": (lambda user: override(user, 10), ["limit_100", "limit_80"]),
    "an override that leaves enough": (lambda user: override(user, 63), []),
    "an adjustment that leaves enough": (lambda user: adjust(user, 29), []),
}


@pytest.mark.parametrize(("reach", "kinds"), REACHED.values(), ids=REACHED)
def test_a_threshold_is_told_whatever_reaches_it(user, reach, kinds):
    make_used(user, make_amount(spend=50), now=NOW)
    reach(user)
    assert told() == kinds


@pytest.mark.parametrize(("used", "kinds"), [(80, ["limit_80"]), (79, [])])
def test_a_grant_that_ends_tells_what_is_reached_then(user, used, kinds):
    period = give(user, 50, until=TOMORROW).period
    make_used(user, make_amount(spend=used), now=NOW)
    assert told() == []
    billing.expire_grants(period, TOMORROW)
    assert told() == kinds


def test_the_plans_limit_that_holds_again_tells_what_is_reached_then(user):
    override(user, None)
    hold(user, 90)
    assert told() == []
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    assert told() == ["limit_80"]


def test_a_threshold_that_several_ways_reach_is_told_once(user):
    hold(user, 85)
    override(user, 90)
    adjust(user, 5)
    override(user, 10)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    adjust(user, 10)
    assert told() == ["limit_100", "limit_80"]


# --- plans ------------------------------------------------------------------------------------------------------------


LEAVE = {
    "canceled": lambda user: billing.cancel_subscription(user, now=NOW),
    "smaller": lambda user: billing.change_plan(user, make_plan(spend_limit=60), now=NOW, by=ACTOR),
}
leaving = pytest.mark.parametrize("leave", LEAVE.values(), ids=LEAVE)


@leaving
@pytest.mark.parametrize("used", [None, 0, 60, 100], ids=["not opened", "opened", "in part", "full"])
def test_a_plan_that_is_left_goes_on_to_the_end_of_the_month_and_can_be_kept_until_then(user, leave, used):
    before = user.subscription.plan
    if used == 0:
        billing.release(hold(user, 1), now=NOW, by=ACTOR)
    elif used:
        hold(user, used)
    leave(user)
    period = billing.current_period(user, NOW)
    assert (period.subscription.plan, period.spend_limit) == (before, 100)
    assert period.subscription.next_plan_at == period.ends_at
    last = period.ends_at - timedelta(microseconds=1)
    billing.keep_subscription(user, now=last)
    later = billing.current_period(user, period.ends_at)
    assert (later.subscription.plan, later.spend_limit) == (before, 100)


@leaving
def test_a_plan_that_is_left_while_a_lower_override_stops_it_goes_on_as_well(user, leave):
    hold(user, 80)
    override(user, 20)
    leave(user)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    # Whose limit holds now: of the plan that he still has where he left, of the other where it was no less.
    period = billing.current_period(user, NOW)
    assert period.spend_limit == (100 if period.subscription.next_plan else 80)


def test_leaving_waits_also_where_an_override_stands_for_every_limit():
    user = make_user(plan="basic")
    for limit in ("spend", "videos", "seconds"):
        billing.set_override(user, limit, 5, reason="x", now=NOW, by=ACTOR)
    assert billing.cancel_subscription(user, now=NOW).plan.slug == "basic"


def test_whoever_leaves_free_stays_on_it_and_nothing_follows():
    user = make_user(plan="free")
    make_hold(user, now=NOW)
    left = billing.cancel_subscription(user, now=NOW)
    assert (left.plan.slug, left.next_plan) == ("free", None)


def test_a_larger_plan_holds_at_once_though_the_period_stops_above_its_limit(user):
    # 100 were meant and 130 are used: 120 is no smaller, though less than what the period stops at.
    period = give(user, 50, until=TOMORROW).period
    hold(user, 130)
    billing.expire_grants(period, TOMORROW)
    changed = billing.change_plan(user, make_plan(spend_limit=120), now=NOW, by=ACTOR)
    assert changed.next_plan is None
    assert stands(period) == (130, 120, 0)


def test_a_plan_that_began_before_anybody_held_in_its_month_is_what_is_compared_with(user):
    end = hold(user, 1).period.ends_at
    billing.change_plan(user, Plan.objects.get(slug="free"), now=NOW, by=ACTOR)
    billing.change_plan(user, make_plan(spend_limit=50), now=end, by=ACTOR)
    # Free's two dollars are more than 50 micro-dollars, and that month is Free's.
    assert billing.current_period(user, end).subscription.plan.slug == "free"
    assert not Override.objects.exists()


def test_a_first_plan_is_had_at_once_though_it_is_smaller_than_free():
    new = User.objects.create_user("new@example.org")
    assert billing.change_plan(new, make_plan(spend_limit=5), now=NOW, by=ACTOR).next_plan is None
    assert billing.current_period(new, NOW).spend_limit == 5
