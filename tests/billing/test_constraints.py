"""The second control: what the database refuses when the services are passed by."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.db.models import F
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, LedgerEntry, Period, Plan, Subscription
from billing.money import LIMITS
from tests.billing.make import make_hold, make_price
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def held():
    """Is a hold of 500,000 micro-dollars, one video and six seconds that leaves 2 of each limit."""
    return make_hold(make_user(plan=make_plan(spend_limit=500_002, videos_limit=3, seconds_limit=8)))


def assert_refused(rows: "models.QuerySet[Any]", constraint: str, **fields: object) -> None:
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        rows.update(**fields)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("counter", ["spent", "held"])
def test_a_period_can_not_be_oversold(held, limit, counter):
    period = Period.objects.filter(pk=held.period_id)
    period.update(**{f"{limit}_{counter}": F(f"{limit}_{counter}") + 2})
    assert_refused(period, f"period_{limit}_is_not_oversold", **{f"{limit}_{counter}": F(f"{limit}_{counter}") + 1})


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_can_not_fall_below_what_is_spent_and_held(held, limit):
    period = Period.objects.filter(pk=held.period_id)
    taken = getattr(held, limit)
    period.update(**{f"{limit}_limit": taken, f"{limit}_target": taken - 1})
    lower = {f"{limit}_limit": taken - 1, f"{limit}_target": taken - 1}
    assert_refused(period, f"period_{limit}_is_not_oversold", **lower)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize(("allowed", "target"), [(1, 0), (-1, 0), (None, 0), (0, None), (0, -1), (0, 1)])
def test_a_limit_is_its_target_or_what_is_used(held, limit, allowed, target):
    # Each from a limit that is its target, and above what is used.
    period = Period.objects.filter(pk=held.period_id)
    most = period.values_list(f"{limit}_limit", flat=True)[0]
    values = {f"{limit}_limit": allowed, f"{limit}_target": target}
    wrong = {name: value if value is None else most + value for name, value in values.items()}
    assert_refused(period, f"period_{limit}_is_its_target_or_used", **wrong)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_that_stops_at_what_is_used_can_not_stay_when_that_is_less(held, limit):
    period = Period.objects.filter(pk=held.period_id)
    period.update(**{f"{limit}_limit": getattr(held, limit), f"{limit}_target": 0})
    assert_refused(period, f"period_{limit}_is_its_target_or_used", **{f"{limit}_held": getattr(held, limit) - 1})


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("counter", ["spent", "held"])
def test_a_counter_can_not_become_negative(held, limit, counter):
    period = Period.objects.filter(pk=held.period_id)
    assert_refused(period, f"period_{limit}_is_not_negative", **{f"{limit}_{counter}": -1})


def test_a_period_ends_after_it_starts(held):
    period = Period.objects.filter(pk=held.period_id)
    assert_refused(period, "period_ends_after_it_starts", ends_at=F("starts_at"))


def test_a_period_is_opened_once(held):
    held.period.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        held.period.save(force_insert=True)


def test_a_user_has_one_subscription(held):
    subscription = held.period.subscription
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(user=subscription.user, plan=subscription.plan, anchor=timezone.now())


@pytest.mark.parametrize(("field", "value"), [("spend", 0), ("spend", -1), ("videos", -1), ("seconds", 0)])
def test_a_hold_holds_something(held, field, value):
    assert_refused(Hold.objects.filter(pk=held.pk), "hold_holds_something", **{field: value})


@pytest.mark.parametrize(
    ("state", "is_resolved"), [("held", True), ("settled", False), ("released", False), ("gone", True), ("", False)]
)
def test_a_hold_is_resolved_with_a_time(held, state, is_resolved):
    time = timezone.now() if is_resolved else None
    assert_refused(Hold.objects.filter(pk=held.pk), "hold_is_resolved_with_a_time", state=state, resolved_at=time)


def test_a_job_is_paid_for_by_one_hold(held):
    held.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        held.save(force_insert=True)


@pytest.mark.parametrize(("first", "second"), [("settle", "release"), ("release", "settle"), ("settle", "settle")])
def test_a_ledger_has_one_line_for_the_end_of_a_hold(held, first, second):
    getattr(billing, first)(held, now=timezone.now(), by=ACTOR)
    line = LedgerEntry.objects.get(kind=first)
    line.pk, line.kind = None, second
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save(force_insert=True)


def test_a_ledger_has_one_line_for_the_taking_of_a_hold(held):
    line = LedgerEntry.objects.get()
    line.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        line.save(force_insert=True)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_plan_has_no_negative_limit(db, limit):
    assert_refused(Plan.objects.filter(slug="pro"), f"plan_{limit}_limit_is_not_negative", **{f"{limit}_limit": -1})


def test_a_plan_has_a_place(db):
    assert_refused(Plan.objects.filter(slug="pro"), "plan_has_a_place", jobs_at_a_time=0)


def test_what_money_speaks_of_can_not_be_deleted(held):
    for row in (held, held.period, held.price, held.period.subscription, held.period.subscription.plan):
        with pytest.raises(models.ProtectedError), transaction.atomic():
            row.delete()


def test_a_price_that_nothing_was_bought_at_can_be_deleted(db):
    price = make_price(starts_at=timezone.now() + timedelta(days=1))
    assert price.delete()[0] == 1
