"""When another plan begins, as months go by: at once, with the next period, or not at all."""

from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from billing import services as billing
from billing.models import Plan, Subscription, User
from billing.services import InsufficientQuota, InvalidValue, ModelNotInPlan, PastDue
from tests.billing.make import limits, make_amount, make_hold, make_used
from tests.make import ACTOR, make_plan

pytestmark = pytest.mark.django_db

START = datetime(2027, 1, 31, 23, 30, tzinfo=UTC)
FEBRUARY, MARCH, APRIL = (
    datetime(2027, 2, 28, 23, 30, tzinfo=UTC),
    datetime(2027, 3, 31, 23, 30, tzinfo=UTC),
    datetime(2027, 4, 30, 23, 30, tzinfo=UTC),
)
DAY = timedelta(days=1)


def plan(slug: str) -> Plan:
    return Plan.objects.get(slug=slug)


def end(user: User, now: datetime) -> None:
    """Let the plan end at once."""
    billing.set_expiry(user, now, now=now)


@pytest.fixture
def user():
    """Is somebody on Pro since the last of January, half an hour before midnight."""
    user = User.objects.create_user("new@example.org")
    billing.change_plan(user, plan("pro"), now=START, by=ACTOR)
    return user


def plan_of(user, now) -> str:
    """Return the plan by which a hold of then counts, and hold something."""
    return str(make_hold(user, make_amount(spend=1), now=now).period.subscription.plan.slug)


def seen(user, now) -> str:
    """Return the plan that the user is shown, and open nothing."""
    return str(billing.current_period(user, now).subscription.plan.slug)


# --- at once, or later ------------------------------------------------------------------------------------------------


def test_a_larger_plan_holds_at_once_and_for_good(user):
    assert plan_of(user, START) == "pro"
    billing.change_plan(user, plan("enterprise"), now=START + DAY, by=ACTOR)
    assert [plan_of(user, now) for now in (START + DAY, FEBRUARY, MARCH)] == ["enterprise"] * 3


def test_a_smaller_plan_holds_from_the_next_period_on_and_for_good(user):
    period = make_hold(user, now=START).period
    billing.change_plan(user, plan("basic"), now=START + DAY, by=ACTOR)
    assert Subscription.objects.get().next_plan_at == period.ends_at == FEBRUARY
    before = FEBRUARY - timedelta(microseconds=1)
    assert [seen(user, now) for now in (START + DAY, before, FEBRUARY)] == ["pro", "pro", "basic"]
    assert [plan_of(user, now) for now in (START + DAY, before, FEBRUARY, MARCH)] == ["pro", "pro", "basic", "basic"]
    assert Subscription.objects.get().next_plan is None


def test_a_smaller_plan_begins_in_time_though_a_month_passes_without_a_hold(user):
    make_hold(user, now=START)
    billing.change_plan(user, plan("basic"), now=START + DAY, by=ACTOR)
    assert (seen(user, APRIL), plan_of(user, APRIL)) == ("basic", "basic")


def test_a_smaller_plan_leaves_what_is_granted_to_the_period_that_it_was_granted_in(user):
    given = billing.grant(user, make_amount(spend=10**6, videos=0, seconds=0), reason="x", now=START, by=ACTOR)
    billing.change_plan(user, plan("basic"), now=START, by=ACTOR)
    assert limits(given.period)[0] == 101_000_000
    assert limits(make_hold(user, now=FEBRUARY).period)[0] == 25_000_000


def test_a_larger_plan_keeps_what_was_granted_on_top(user):
    given = billing.grant(user, make_amount(spend=10**6, videos=0, seconds=0), reason="x", now=START, by=ACTOR)
    billing.change_plan(user, plan("enterprise"), now=START, by=ACTOR)
    assert limits(given.period) == (501_000_000, None, None)


@pytest.mark.parametrize(
    ("before", "after", "at_once"),
    [
        (None, ["a"], False),
        (["a", "b"], ["a"], False),
        (["a", "b"], ["b", "c"], False),
        (["a"], ["a", "b"], True),
        (["a"], None, True),
        ([], ["a"], True),
        (["a"], [], False),
        (["b", "a"], ["a", "b"], True),
    ],
)
def test_fewer_models_are_smaller(before, after, at_once):
    user = User.objects.create_user("models@example.org")
    billing.change_plan(user, make_plan(models_allowed=before), now=START, by=ACTOR)
    period = billing.grant(user, make_amount(), reason="opens it", now=START, by=ACTOR).period
    billing.change_plan(user, make_plan(models_allowed=after), now=START, by=ACTOR)
    period.refresh_from_db()
    assert period.models_allowed == (after if at_once else before)
    assert billing.current_period(user, period.ends_at).models_allowed == after


def test_the_last_of_several_changes_counts(user):
    make_hold(user, now=START)
    for slug in ("basic", "free", "enterprise", "basic"):
        billing.change_plan(user, plan(slug), now=START + DAY, by=ACTOR)
    assert [plan_of(user, now) for now in (START + DAY, FEBRUARY)] == ["enterprise", "basic"]


def test_a_plan_that_was_changed_itself_is_compared_by_what_the_open_period_has(user):
    # Not by what the row says now, or the limit of an open period would fall.
    period = make_hold(user, now=START).period
    Plan.objects.filter(slug="pro").update(spend_limit=1_000_000)
    billing.change_plan(user, make_plan(spend_limit=50_000_000), now=START, by=ACTOR)
    assert limits(period)[0] == 100_000_000
    assert limits(make_hold(user, now=FEBRUARY).period)[0] == 50_000_000


# --- with an override -------------------------------------------------------------------------------------------------


def test_an_override_stays_whatever_the_plan_is(user):
    period = make_hold(user, now=START).period
    billing.set_override(user, "spend", 7_000_000, reason="x", now=START, by=ACTOR)
    billing.change_plan(user, plan("enterprise"), now=START, by=ACTOR)
    assert limits(period) == (7_000_000, None, None)
    billing.change_plan(user, plan("basic"), now=START, by=ACTOR)
    assert limits(make_hold(user, now=FEBRUARY).period) == (7_000_000, 10, None)


def test_a_plan_is_not_smaller_in_what_an_override_sets(user):
    period = make_hold(user, now=START).period
    billing.set_override(user, "spend", 7_000_000, reason="x", now=START, by=ACTOR)
    billing.change_plan(user, make_plan(spend_limit=1, videos_limit=40), now=START, by=ACTOR)
    assert limits(period) == (7_000_000, 40, None)


def test_a_larger_plan_holds_at_once_though_an_override_stopped_at_what_was_used(user):
    held = make_hold(user, make_amount(spend=50_000_000), now=START)
    billing.set_override(user, "spend", 10, reason="x", now=START, by=ACTOR)
    billing.release(held, now=START, by=ACTOR)
    billing.change_plan(user, plan("enterprise"), now=START, by=ACTOR)
    assert limits(held.period)[1] is None


def test_a_removed_override_lets_the_plan_hold_that_was_changed_to_meanwhile(user):
    period = make_hold(user, now=START).period
    billing.set_override(user, "spend", 7_000_000, reason="x", now=START, by=ACTOR)
    billing.change_plan(user, plan("enterprise"), now=START, by=ACTOR)
    billing.remove_override(user, "spend", now=START, by=ACTOR)
    assert limits(period)[0] == 500_000_000


# --- leaving, keeping -------------------------------------------------------------------------------------------------


def test_a_canceled_plan_goes_on_to_the_end_of_its_period(user):
    make_used(user, make_amount(spend=90_000_000), now=START)
    billing.cancel_subscription(user, now=START + DAY)
    assert plan_of(user, FEBRUARY - DAY) == "pro"
    assert [plan_of(user, now) for now in (FEBRUARY, MARCH)] == ["free", "free"]
    with pytest.raises(InsufficientQuota):
        make_hold(user, make_amount(spend=2_000_001), now=APRIL)


@pytest.mark.parametrize(
    "leave", [billing.cancel_subscription, lambda user, now: billing.set_expiry(user, now, now=now)]
)
def test_a_plan_that_is_kept_goes_on(user, leave):
    make_hold(user, now=START)
    leave(user, now=START + DAY)
    billing.keep_subscription(user, now=FEBRUARY - DAY)
    assert [plan_of(user, now) for now in (START + DAY, FEBRUARY, MARCH)] == ["pro"] * 3


@pytest.mark.parametrize(
    "leave", [billing.cancel_subscription, lambda user, now: billing.set_expiry(user, now, now=now)]
)
@pytest.mark.parametrize("somebody_held", [True, False])
def test_what_has_begun_can_not_be_taken_back(user, leave, somebody_held):
    make_hold(user, now=START)
    leave(user, now=START + DAY)
    if somebody_held:
        make_hold(user, now=FEBRUARY)
    billing.keep_subscription(user, now=FEBRUARY)
    assert [plan_of(user, now) for now in (FEBRUARY, MARCH)] == ["free", "free"]


@pytest.mark.parametrize("somebody_held", [True, False])
@pytest.mark.parametrize("at", [None, MARCH, FEBRUARY + 2 * DAY])
def test_what_has_ended_can_not_be_taken_back_by_another_end(user, somebody_held, at):
    make_hold(user, now=START)
    end(user, START + DAY)
    if somebody_held:
        make_hold(user, now=FEBRUARY)
    with nullcontext() if at is None else pytest.raises(InvalidValue, match="Free has no end"):
        billing.set_expiry(user, at, now=FEBRUARY + DAY)
    assert [plan_of(user, now) for now in (FEBRUARY + DAY, MARCH)] == ["free", "free"]
    assert Subscription.objects.get().expires_at is None


def test_free_has_no_end(user):
    billing.cancel_subscription(user, now=START)
    billing.set_expiry(user, None, now=FEBRUARY)
    before = list(Subscription.objects.values())
    with pytest.raises(InvalidValue):
        billing.set_expiry(user, APRIL, now=FEBRUARY)
    assert list(Subscription.objects.values()) == before


def test_keeping_what_nobody_left_changes_nothing(user):
    before = list(Subscription.objects.values())
    billing.keep_subscription(user, now=START + DAY)
    assert list(Subscription.objects.values()) == before


def test_whoever_left_may_come_back_in_the_same_month_to_what_he_has_used(user):
    used = make_used(user, make_amount(spend=90_000_000), now=START)
    billing.cancel_subscription(user, now=START)
    billing.change_plan(user, plan("pro"), now=START + DAY, by=ACTOR)
    held = make_hold(user, now=START + DAY)
    assert (held.period, held.period.spend_spent) == (used.period, 90_000_000)
    assert plan_of(user, FEBRUARY) == "pro"


# --- ending -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "february", "march"),
    [(START + DAY, "free", "free"), (FEBRUARY, "free", "free"), (FEBRUARY + DAY, "pro", "free"), (None, "pro", "pro")],
)
def test_an_expired_plan_keeps_its_open_period_and_is_free_from_the_next_on(user, ends, february, march):
    period = make_hold(user, now=START).period
    billing.set_expiry(user, ends, now=START)
    assert plan_of(user, FEBRUARY - DAY) == "pro"
    assert limits(period)[0] == 100_000_000
    assert [seen(user, FEBRUARY), plan_of(user, FEBRUARY)] == [february, february]
    assert [seen(user, MARCH), plan_of(user, MARCH)] == [march, march]


def test_a_new_plan_forgets_the_end_of_the_old(user):
    make_hold(user, now=START)
    billing.set_expiry(user, START + DAY, now=START)
    billing.change_plan(user, plan("enterprise"), now=START, by=ACTOR)
    assert [plan_of(user, now) for now in (FEBRUARY, MARCH)] == ["enterprise", "enterprise"]


def test_what_ends_before_a_smaller_plan_begins_is_free(user):
    make_hold(user, now=START)
    billing.change_plan(user, plan("basic"), now=START, by=ACTOR)
    billing.set_expiry(user, START + DAY, now=START)
    assert [plan_of(user, now) for now in (FEBRUARY, MARCH)] == ["free", "free"]


def test_a_smaller_plan_begins_and_ends_in_its_turn(user):
    make_hold(user, now=START)
    billing.change_plan(user, plan("basic"), now=START, by=ACTOR)
    billing.set_expiry(user, FEBRUARY + DAY, now=START)
    assert [plan_of(user, now) for now in (FEBRUARY, MARCH)] == ["basic", "free"]


def test_models_that_the_next_plan_has_not_are_refused_from_its_first_moment_on(user):
    make_hold(user, now=START)
    billing.change_plan(user, make_plan(models_allowed=["maker/another"]), now=START, by=ACTOR)
    assert make_hold(user, now=FEBRUARY - DAY)
    with pytest.raises(ModelNotInPlan):
        make_hold(user, now=FEBRUARY)


def test_being_late_buys_no_fresh_period(user):
    used = make_used(user, make_amount(spend=99_000_000), now=START)
    billing.set_past_due(user, now=START + DAY)
    billing.reactivate(user, now=START + 3 * DAY)
    assert make_hold(user, make_amount(spend=1_000_000), now=START + 3 * DAY).period == used.period
    assert make_hold(user, now=FEBRUARY).period.starts_at == FEBRUARY


@pytest.mark.parametrize(
    "leave",
    [
        lambda user: billing.cancel_subscription(user, now=START + DAY),
        lambda user: billing.set_expiry(user, START + DAY, now=START + DAY),
        lambda user: billing.change_plan(user, plan("basic"), now=START + DAY, by=ACTOR),
    ],
)
def test_nobody_leaves_a_debt_by_leaving(user, leave):
    billing.set_past_due(user, now=START + DAY)
    leave(user)
    with pytest.raises(PastDue, match=r"due since 01 February 2027\. .* also on another plan or on Free"):
        make_hold(user, now=FEBRUARY)
    billing.reactivate(user, now=FEBRUARY)
    assert make_hold(user, now=FEBRUARY)


# --- two clocks -------------------------------------------------------------------------------------------------------

BEHIND = FEBRUARY - timedelta(milliseconds=1)


def test_whose_clock_is_behind_decides_about_the_month_that_has_begun(user):
    period = make_hold(user, now=FEBRUARY).period
    billing.cancel_subscription(user, now=BEHIND)
    assert Subscription.objects.get().next_plan_at == period.ends_at == MARCH
    assert [seen(user, now) for now in (FEBRUARY, MARCH)] == ["pro", "free"]


def test_another_limit_set_by_a_clock_behind_holds_in_the_month_that_has_begun(user):
    period = make_hold(user, now=FEBRUARY).period
    billing.set_override(user, "videos", 7, reason="x", now=BEHIND, by=ACTOR)
    assert limits(period)[1] == 7
    billing.remove_override(user, "videos", now=BEHIND, by=ACTOR)
    assert limits(period)[1] == 30


def test_a_larger_plan_by_a_clock_behind_holds_in_the_month_that_has_begun(user):
    period = make_hold(user, now=FEBRUARY).period
    billing.change_plan(user, plan("enterprise"), now=BEHIND, by=ACTOR)
    assert limits(period)[0] == 500_000_000
