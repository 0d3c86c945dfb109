"""Other limits than the plan's, set by an operator."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Override, Plan, User
from billing.money import LIMITS
from billing.services import InsufficientQuota, ModelNotInPlan
from tests.billing.make import everything, limits, make_amount, make_hold
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
OF_PLAN = {"spend": 100, "videos": 10, "seconds": 60}


@pytest.fixture
def user():
    """Is somebody who may spend 100 micro-dollars on 10 videos of 60 seconds together."""
    made = make_user(plan=make_plan(**{f"{limit}_limit": most for limit, most in OF_PLAN.items()}))
    return User.objects.get(pk=made.pk)  # as the next request sees him, with the plan that he has by now


def override(user, limit, value, *, now=NOW) -> Override:
    return billing.set_override(user, limit, value, reason="Asked for", now=now, by=ACTOR)


def hold(user, **amount):
    return make_hold(user, make_amount(**({"spend": 1, "videos": 1, "seconds": 1} | amount)), now=NOW)


# --- setting ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("value", [0, 1, 5, 1000, None])
@pytest.mark.parametrize("is_open", [True, False])
def test_an_override_is_the_limit_of_the_open_period_and_of_the_next(user, limit, value, is_open):
    if is_open:
        # What is used is little enough for every value but 0, where the period stops.
        hold(user)
    override(user, limit, value)
    period = billing.current_period(user, NOW)
    stops_at = 1 if is_open and value == 0 else value
    assert {each: getattr(period, f"{each}_limit") for each in LIMITS} == OF_PLAN | {limit: stops_at}
    later = billing.current_period(user, period.ends_at)
    assert {each: getattr(later, f"{each}_limit") for each in LIMITS} == OF_PLAN | {limit: value}


@pytest.mark.parametrize("limit", LIMITS)
def test_an_override_is_sold_to_the_last_piece(user, limit):
    override(user, limit, 2)
    hold(user)
    hold(user)
    with pytest.raises(InsufficientQuota) as refused:
        hold(user)
    assert (refused.value.violated, refused.value.available) == (limit, 0)


def test_an_override_below_what_is_used_stops_there_and_refuses_what_comes(user):
    held = hold(user, spend=40)
    billing.settle(hold(user, spend=20), now=NOW, by=ACTOR)
    override(user, "spend", 30)
    assert limits(held.period) == (60, 10, 60)
    with pytest.raises(InsufficientQuota):
        hold(user)
    billing.release(held, now=NOW, by=ACTOR)
    assert limits(held.period) == (30, 10, 60)
    with pytest.raises(InsufficientQuota):
        hold(user, spend=11)
    assert billing.settle(hold(user, spend=10), now=NOW, by=ACTOR)


def test_an_override_counts_what_was_granted_on_top(user):
    billing.grant(user, make_amount(spend=7, videos=0, seconds=0), reason="x", now=NOW, by=ACTOR)
    override(user, "spend", 20)
    assert billing.current_period(user, NOW).spend_limit == 27


def test_a_second_override_takes_the_place_of_the_first(user):
    override(user, "spend", 20)
    set_ = billing.set_override(user, "spend", 30, reason="Better", now=NOW, by=billing.Actor(name="olga"))
    assert Override.objects.get() == set_
    assert (set_.value, set_.reason, set_.set_by) == (30, "Better", "olga")
    assert hold(user).period.spend_limit == 30


def test_overrides_of_several_limits_hold_together(user):
    for limit, value in (("spend", None), ("videos", 3), ("seconds", 4)):
        override(user, limit, value)
    assert limits(hold(user).period) == (None, 3, 4)


def test_an_override_opens_no_period(user):
    override(user, "spend", 20)
    assert not user.subscription.periods.exists()


def test_whoever_has_no_subscription_gets_one_with_the_override():
    user = User.objects.create_user("new@example.org")
    override(user, "videos", 7)
    assert hold(user).period.videos_limit == 7


def test_an_override_touches_no_other_user_and_no_period_that_is_over(user):
    past = hold(user).period
    other = make_hold(make_user(plan=user.subscription.plan), make_amount(spend=1)).period
    override(user, "spend", 20, now=past.ends_at)
    assert limits(past) == limits(other) == (100, 10, 60)


def test_an_override_of_one_limit_leaves_the_others_of_a_plan_that_was_changed_since(user):
    # A plan's own change begins with the next period, also where an operator meanwhile sets another limit.
    period = hold(user).period
    Plan.objects.filter(pk=user.subscription.plan_id).update(spend_limit=5, seconds_limit=6)
    override(user, "videos", 20)
    assert limits(period) == (100, 20, 60)
    billing.remove_override(user, "videos", now=NOW, by=ACTOR)
    assert limits(period) == (100, 10, 60)


@pytest.mark.parametrize(("limit", "value"), [("spend", -1), ("seconds", -5), ("jobs", 5), ("", 5)])
def test_what_is_no_limit_is_refused(user, limit, value):
    before = everything()
    with pytest.raises(ValueError, match="allowed"):
        override(user, limit, value)
    assert everything() == before


def test_an_override_is_of_its_kind(user):
    override(user, "models", ["maker/one"])
    with pytest.raises(IntegrityError, match="override_is_of_its_kind"), transaction.atomic():
        Override.objects.update(value=3)


# --- models -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_open", [True, False])
def test_models_of_an_override_are_the_only_ones(user, is_open):
    model = hold(user).price.model
    now = NOW if is_open else NOW + timedelta(days=40)
    override(user, "models", ["maker/another"], now=now)
    with pytest.raises(ModelNotInPlan):
        make_hold(user, make_amount(spend=1), now=now)
    override(user, "models", ["maker/another", model], now=now)
    assert make_hold(user, make_amount(spend=1), now=now).price.model == model


def test_models_of_an_override_may_be_all_where_the_plan_has_few():
    user = make_user(plan=make_plan(models_allowed=["maker/another"]))
    override(user, "models", None)
    assert hold(user).period.models_allowed is None


def test_models_of_an_override_leave_the_numbers(user):
    period = hold(user).period
    override(user, "models", [])
    assert limits(period) == (100, 10, 60)
    assert period.models_allowed == []


# --- removing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_open", [True, False])
@pytest.mark.parametrize("limit", LIMITS)
def test_without_its_override_a_limit_is_the_plans_again(user, limit, is_open):
    override(user, limit, 2)
    if is_open:
        hold(user)
    assert billing.remove_override(user, limit, now=NOW, by=ACTOR)
    assert limits(hold(user).period) == (100, 10, 60)
    assert not Override.objects.exists()


def test_without_its_override_a_limit_stops_at_what_is_used(user):
    override(user, "spend", None)
    held = hold(user, spend=150)
    billing.remove_override(user, "spend", now=NOW, by=ACTOR)
    assert limits(held.period)[0] == 150
    assert not list(differences())


def test_without_an_override_of_models_the_plans_hold_again():
    user = make_user(plan=make_plan(models_allowed=["maker/another"]))
    override(user, "models", None)
    hold(user)
    billing.remove_override(user, "models", now=NOW, by=ACTOR)
    with pytest.raises(ModelNotInPlan):
        hold(user)


def test_what_was_not_overridden_is_not_removed(user):
    override(user, "spend", 2)
    before = everything()
    assert not billing.remove_override(user, "videos", now=NOW, by=ACTOR)
    assert everything() == before
