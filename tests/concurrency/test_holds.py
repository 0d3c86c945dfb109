"""Nothing is sold that is not there, however many ask at once; and controls that show that the rig can tell."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, LedgerEntry, Period, Subscription, User
from billing.money import LIMITS
from generation.models import Job, JobEvent
from tests.billing.make import make_amount, make_hold
from tests.concurrency.actions import (
    create,
    settle,
    settle_or_release,
    take,
    take_naively,
    take_naively_unchecked,
)
from tests.concurrency.racing import race
from tests.make import ACTOR, make_job, make_plan, make_user

pytestmark = pytest.mark.django_db(transaction=True)

OF_TEN_JOBS = {"spend": 3_600_000, "videos": 10, "seconds": 60}


def jobs_add_up(number: int) -> bool:
    """Say whether there are that many jobs, each with its hold, its line and its history, and no difference."""
    rows = [table.objects.count() for table in (Job, Hold, LedgerEntry, JobEvent)]
    return rows == [number] * 4 and not list(differences())


# --- creating ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", LIMITS)
def test_of_fifty_jobs_at_once_the_ten_that_fit_are_made(limit):
    alice = make_user(plan=make_plan(**{f"{limit}_limit": OF_TEN_JOBS[limit]}))
    outcomes = race(create, [(alice.pk,)] * 50)
    assert outcomes.count("InsufficientQuota") == 40
    assert len(set(outcomes)) == 11
    assert jobs_add_up(10)
    assert Period.objects.get().left(limit) == 0


def test_the_last_micro_is_sold_once():
    alice = make_user(plan=make_plan(spend_limit=3_600_000 + 359_999))
    assert race(create, [(alice.pk,)] * 12).count("InsufficientQuota") == 2
    assert Period.objects.get().left("spend") == 359_999


def test_the_first_two_jobs_of_a_new_user_open_one_subscription_and_one_period():
    user = User.objects.create_user("new@example.org")
    assert len(set(race(create, [(user.pk,)] * 2))) == 2
    assert Subscription.objects.count() == 1
    assert Period.objects.get().spend_held == 720_000
    assert jobs_add_up(2)


def test_of_twenty_first_jobs_of_a_new_user_the_two_of_free_are_made():
    user = User.objects.create_user("new@example.org")
    assert race(create, [(user.pk,)] * 20).count("InsufficientQuota") == 18
    assert (Subscription.objects.count(), Period.objects.count()) == (1, 1)
    assert jobs_add_up(2)


def test_users_do_not_take_from_each_other():
    users = [make_user(plan=make_plan(videos_limit=3)) for _ in range(4)]
    outcomes = race(create, [(user.pk,) for user in users for _ in range(6)])
    assert outcomes.count("InsufficientQuota") == 12
    assert sorted(Period.objects.values_list("videos_held", flat=True)) == [3] * 4
    assert jobs_add_up(12)


@pytest.mark.parametrize("times", [2, 8])
def test_the_same_form_sent_at_once_makes_one_job(times):
    alice = make_user(plan=make_plan())
    outcomes = race(create, [(alice.pk, str(uuid4()))] * times)
    assert outcomes == [str(Job.objects.get().pk)] * times
    assert jobs_add_up(1)
    assert Period.objects.get().videos_held == 1


def test_the_same_form_sent_at_once_where_only_one_job_fits_is_not_refused():
    alice = make_user(plan=make_plan(videos_limit=1))
    make_job(alice)
    billing.set_override(alice, "videos", 2, reason="x", now=timezone.now(), by=ACTOR)
    outcomes = race(create, [(alice.pk, str(uuid4()))] * 4)
    assert len(set(outcomes)) == 1
    assert jobs_add_up(2)


# --- resolving --------------------------------------------------------------------------------------------------------


def test_one_hold_settled_by_eight_at_once_is_settled_once():
    held = make_hold(make_user(plan=make_plan()), make_amount(spend=360_000))
    assert race(settle, [(held.pk,)] * 8).count("True") == 1
    assert LedgerEntry.objects.filter(kind="settle").count() == 1
    assert (Period.objects.get().spend_spent, Period.objects.get().spend_held) == (360_000, 0)
    assert not list(differences())


def test_one_hold_settled_and_released_at_once_has_one_end():
    held = make_hold(make_user(plan=make_plan()), make_amount(spend=360_000))
    outcomes = race(settle_or_release, [(held.pk, wanted) for wanted in ["settle", "release"] * 4])
    assert outcomes.count("nothing") == 7
    assert LedgerEntry.objects.exclude(kind="hold").count() == 1
    assert not list(differences())


# --- the rig itself ---------------------------------------------------------------------------------------------------


@pytest.fixture
def period():
    """Is a period that has room for ten of each limit."""
    subscription = make_user(plan=make_plan()).subscription
    now = timezone.now()
    limits = {f"{limit}_{column}": 10 for limit in LIMITS for column in ("limit", "target")}
    ends_at = now + timedelta(days=30)
    return Period.objects.create(subscription=subscription, starts_at=now, ends_at=ends_at, **limits)


@pytest.mark.parametrize("limit", LIMITS)
def test_control_ours_takes_exactly_what_there_is(period, unchecked, limit):
    assert race(take, [(period.pk, limit, 1)] * 50).count("taken") == 10


@pytest.mark.parametrize("limit", LIMITS)
def test_control_read_compare_add_oversells(period, unchecked, limit):
    # This test exists to show that the rig sees a race where there is one.
    assert race(take_naively_unchecked, [(period.pk, limit, 1)] * 50).count("taken") == 50
    period.refresh_from_db()
    assert period.left(limit) == -40


@pytest.mark.parametrize("limit", LIMITS)
def test_control_read_compare_add_is_stopped_by_the_check(period, limit):
    # The second control: were the services wrong, the database would still refuse.
    outcomes = race(take_naively, [(period.pk, limit, 1)] * 50)
    assert (outcomes.count("taken"), outcomes.count("IntegrityError")) == (10, 40)
    period.refresh_from_db()
    assert period.left(limit) == 0
