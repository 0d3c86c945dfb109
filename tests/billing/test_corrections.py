"""What operators put right: refunds and adjustments."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Grant, Hold, LedgerEntry, Period
from billing.money import LIMITS, Amount
from billing.services import CantAdjust, InsufficientQuota, InvalidValue, NotRefundable
from billing.services.writing import write_of_hold
from tests.billing.make import counters, everything, limits, make_amount, make_capped_key, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
UNIT = make_amount(spend=10, videos=1, seconds=6)
NOTHING = {"spend": (0, 0), "videos": (0, 0), "seconds": (0, 0)}


@pytest.fixture
def user():
    """Is somebody who may spend 30 micro-dollars on 3 videos of 18 seconds together."""
    return make_user(plan=make_plan(spend_limit=30, videos_limit=3, seconds_limit=18))


def refund(held, *, now=NOW, reason="The fox has no tail") -> bool:
    return billing.refund(held, reason=reason, now=now, by=ACTOR)


# --- refund -----------------------------------------------------------------------------------------------------------


def test_a_refund_gives_back_what_was_charged_and_writes_who_and_why(user):
    held = make_used(user, UNIT, now=NOW)
    assert refund(held, now=NOW + timedelta(days=1))
    assert counters(held.period) == NOTHING
    line = LedgerEntry.objects.get(kind="refund")
    assert (line.spend, line.videos, line.seconds) == (10, 1, 6)
    assert (line.hold, line.period, line.price, line.reference) == (held, held.period, held.price, held.reference)
    assert (line.actor, line.request_id, line.reason) == (
        ACTOR.name,
        ACTOR.request_id,
        "The fox has no tail",
    )
    held.refresh_from_db()
    assert (held.state, held.refunded_at) == ("settled", NOW + timedelta(days=1))
    assert not list(differences())


def test_what_was_refunded_can_be_held_again(user):
    used = [make_used(user, UNIT, now=NOW) for _ in range(3)]
    with pytest.raises(InsufficientQuota):
        make_hold(user, UNIT, now=NOW)
    refund(used[1])
    make_hold(user, UNIT, now=NOW)
    with pytest.raises(InsufficientQuota):
        make_hold(user, UNIT, now=NOW)


@pytest.mark.parametrize("periods_later", [0, 1])
def test_a_refund_happens_once(user, periods_later):
    held = make_used(user, UNIT, now=NOW)
    stale = Hold.objects.get(pk=held.pk)
    now = held.period.ends_at if periods_later else NOW
    assert refund(held, now=now)
    before = everything()
    assert not refund(held, now=now)
    assert not refund(stale, now=now)
    assert everything() == before


@pytest.mark.parametrize("resolve", [None, billing.release])
@pytest.mark.parametrize("periods_later", [0, 1])
def test_what_was_not_charged_is_not_refunded(user, resolve, periods_later):
    held = make_hold(user, UNIT, now=NOW)
    if resolve:
        resolve(held, now=NOW, by=ACTOR)
    before = everything()
    with pytest.raises(NotRefundable, match="only what was charged"):
        refund(held, now=held.period.ends_at if periods_later else NOW)
    assert everything() == before


@pytest.mark.parametrize("reason", ["", "  ", "x" * 301])
def test_a_refund_without_a_reason_is_refused_and_nothing_is_given(user, reason):
    held = make_used(user, UNIT, now=NOW)
    before = everything()
    with pytest.raises(InvalidValue, match="reason"):
        refund(held, reason=reason)
    assert everything() == before


def test_a_line_without_a_reason_is_refused_by_the_database(user):
    held = make_used(user, UNIT, now=NOW)
    with pytest.raises(IntegrityError, match="line_says_why"), transaction.atomic():
        write_of_hold(LedgerEntry.Kind.REFUND, held, now=NOW, by=ACTOR)


def test_a_refund_gives_the_key_its_money_back(user):
    key = make_capped_key(user, 10)
    held = make_used(user, UNIT, api_key=key, now=NOW)
    refund(held)
    key.refresh_from_db()
    assert (key.spend_spent, key.spend_held) == (0, 0)
    assert make_hold(user, UNIT, api_key=key, now=NOW).spend == 10


def test_a_refund_after_the_period_is_a_line_there_and_a_grant_in_the_current_one(user):
    key = make_capped_key(user, 10)
    held = make_used(user, UNIT, api_key=key, now=NOW)
    later = held.period.ends_at + timedelta(days=40)
    assert refund(held, now=later)
    assert counters(held.period) == NOTHING
    assert limits(held.period) == (30, 3, 18)
    current = billing.current_period(user, later)
    assert current.pk not in {None, held.period_id}
    assert limits(current) == (40, 4, 24)
    given = Grant.objects.get()
    assert (given.period, given.spend, given.videos, given.seconds, given.expires_at) == (current, 10, 1, 6, None)
    assert (given.reason, given.granted_by) == ("Refund: The fox has no tail", ACTOR.name)
    assert [(line.kind, line.period) for line in LedgerEntry.objects.filter(at=later).order_by("pk")] == [
        ("refund", held.period),
        ("grant", current),
    ]
    key.refresh_from_db()
    assert key.left == 10
    assert not list(differences())


@pytest.mark.parametrize(("early", "grants"), [(timedelta(microseconds=1), 0), (timedelta(0), 1)])
def test_a_period_is_over_at_its_very_end(user, early, grants):
    held = make_used(user, UNIT, now=NOW)
    refund(held, now=held.period.ends_at - early)
    assert Grant.objects.count() == grants


def test_a_refund_with_a_long_reason_fits_into_its_grant_too(user):
    held = make_used(user, UNIT, now=NOW)
    refund(held, now=held.period.ends_at, reason="x" * 300)
    assert len(Grant.objects.get().reason) == 300


def test_a_refund_touches_nobody_else(user):
    held = make_used(user, UNIT, now=NOW)
    make_used(make_user(plan=make_plan()), UNIT, now=NOW)
    others = Period.objects.exclude(pk=held.period_id).values()
    before = list(others)
    refund(held)
    assert list(others.all()) == before


# --- adjust -----------------------------------------------------------------------------------------------------------


def adjust(user, spend=0, videos=0, seconds=0, *, now=NOW) -> Period:
    amount = Amount(spend=spend, videos=videos, seconds=seconds)
    return billing.adjust(user, amount, reason="Agreed on the phone", now=now, by=ACTOR)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("by", [-3, 3])
def test_an_adjustment_adds_to_what_is_spent_or_takes_away(limit, by):
    user = make_user(plan=make_plan(**{f"{each}_limit": 9 for each in LIMITS}))
    make_used(user, make_amount(spend=5, videos=5, seconds=5), now=NOW)
    period = adjust(user, **{limit: by})
    assert counters(period) == {each: (5 + by * (each == limit), 0) for each in LIMITS}
    line = LedgerEntry.objects.get(kind="adjust")
    assert {each: getattr(line, each) for each in LIMITS} == {each: by * (each == limit) for each in LIMITS}
    assert (line.actor, line.reason, line.hold, line.grant) == (ACTOR.name, "Agreed on the phone", None, None)
    assert not list(differences())


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("by", [-6, 3])
def test_an_adjustment_below_nothing_or_above_the_limit_is_refused(limit, by):
    user = make_user(plan=make_plan(**{f"{each}_limit": 9 for each in LIMITS}))
    make_used(user, make_amount(spend=5, videos=5, seconds=5), now=NOW)
    make_hold(user, make_amount(spend=2, videos=2, seconds=2), now=NOW)
    before = everything()
    with pytest.raises(CantAdjust, match="nothing was changed"):
        adjust(user, **{limit: by})
    assert everything() == before


@pytest.mark.parametrize("by", [-5, 2])
def test_an_adjustment_to_the_very_edge_is_taken(by):
    user = make_user(plan=make_plan(**{f"{each}_limit": 9 for each in LIMITS}))
    make_used(user, make_amount(spend=5, videos=5, seconds=5), now=NOW)
    make_hold(user, make_amount(spend=2, videos=2, seconds=2), now=NOW)
    assert counters(adjust(user, by, by, by))["spend"] == (5 + by, 2)


def test_an_adjustment_of_several_limits_is_all_or_nothing(user):
    before = everything()
    with pytest.raises(CantAdjust):
        adjust(user, 1, 1, 19)
    assert everything() == before


def test_an_adjustment_of_what_is_unlimited_is_only_kept_from_below():
    user = make_user(plan=make_plan())
    assert adjust(user, 10**15 - 1).spend_spent == 10**15 - 1
    with pytest.raises(CantAdjust):
        adjust(user, -(10**15))


def test_an_adjustment_takes_nothing_of_a_grant_that_is_over(user):
    tomorrow = NOW + timedelta(days=1)
    billing.grant(user, UNIT, reason="x", now=NOW, by=ACTOR, expires_at=tomorrow)
    with pytest.raises(CantAdjust):
        adjust(user, 31, now=tomorrow)
    assert counters(adjust(user, 30, now=tomorrow))["spend"] == (30, 0)
    assert not list(differences())


def test_an_adjustment_is_of_the_current_period(user):
    past = make_used(user, UNIT, now=NOW).period
    current = adjust(user, 7, now=past.ends_at)
    assert current != past
    assert (counters(past)["spend"], counters(current)["spend"]) == ((10, 0), (7, 0))


def test_what_was_adjusted_away_is_not_refunded_as_well(user):
    held = make_used(user, UNIT)
    billing.adjust(user, Amount(spend=-1, videos=0, seconds=0), reason="A mistake", now=NOW, by=ACTOR)
    with pytest.raises(NotRefundable, match="adjusted already"):
        refund(held)
    held.refresh_from_db()
    assert held.refunded_at is None
    assert counters(held.period)["spend"] == (9, 0)
