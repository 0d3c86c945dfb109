from datetime import timedelta
from decimal import Decimal
from random import Random
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import Hold, LedgerEntry, Period, Price, Subscription, User
from billing.money import LIMITS, dollars, micros
from billing.services import Actor, InsufficientQuota, ModelNotInPlan
from generation.services import Quote
from tests.billing.make import counters, make_amount, make_hold, make_price, make_used
from tests.make import ACTOR, make_plan, make_spec, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
NOTHING = {"spend": (0, 0), "videos": (0, 0), "seconds": (0, 0)}


def rows() -> list[object]:
    """Return everything that money may stand in, as it is."""
    return [list(table.objects.order_by("pk").values()) for table in (Period, Hold, LedgerEntry)]


# --- hold -------------------------------------------------------------------------------------------------------------


def test_hold_sets_the_amount_aside_and_writes_the_line(alice):
    reference, price = uuid4(), make_price()
    by = Actor(name="user 7", request_id="r-1")
    taken = billing.hold(user=alice, reference=reference, price=price, amount=make_amount(), now=NOW, by=by)
    assert (taken.state, taken.reference, taken.price, taken.created_at) == ("held", reference, price, NOW)
    assert counters(taken.period) == {"spend": (0, 500_000), "videos": (0, 1), "seconds": (0, 6)}
    line = LedgerEntry.objects.get()
    assert (line.kind, line.spend, line.videos, line.seconds) == ("hold", 500_000, 1, 6)
    assert (line.hold, line.period, line.price, line.reference) == (taken, taken.period, price, reference)
    assert (line.actor, line.request_id, line.at) == ("user 7", "r-1", NOW)


@pytest.mark.parametrize("limit", LIMITS)
def test_hold_that_fills_a_limit_exactly_is_accepted_and_one_more_is_refused(limit):
    amount = make_amount(spend=1, videos=1, seconds=1)
    alice = make_user(plan=make_plan(**{f"{limit}_limit": 5}))
    make_used(alice, make_amount(spend=3, videos=3, seconds=3))
    make_hold(alice, amount)
    filled = make_hold(alice, amount)
    assert filled.period.left(limit) == 0 or counters(filled.period)[limit] == (3, 2)
    with pytest.raises(InsufficientQuota) as refused:
        make_hold(alice, amount)
    assert refused.value.violated == limit


def test_hold_of_one_micro_more_than_is_left_is_refused():
    alice = make_user(plan=make_plan(spend_limit=2_000_000))
    with pytest.raises(InsufficientQuota):
        make_hold(alice, make_amount(spend=2_000_001))
    assert make_hold(alice, make_amount(spend=2_000_000)).spend == 2_000_000


def test_hold_compares_the_cost_and_not_only_what_is_left():
    alice = make_user(plan="free")
    make_used(alice, make_amount(spend=1_990_000))
    before = rows()
    with pytest.raises(InsufficientQuota) as refused:
        make_hold(alice, make_amount(spend=500_000))
    assert (refused.value.required, refused.value.available) == (500_000, 10_000)
    assert rows() == before


def test_no_limit_holds_anything():
    alice = make_user(plan=make_plan())
    held = make_hold(alice, make_amount(spend=10**15, videos=10**6, seconds=10**9))
    assert counters(held.period)["spend"] == (0, 10**15)


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_of_nothing_holds_nothing(limit):
    alice = make_user(plan=make_plan(**{f"{limit}_limit": 0}))
    with pytest.raises(InsufficientQuota) as refused:
        make_hold(alice, make_amount(spend=1, videos=1, seconds=1))
    assert (refused.value.violated, refused.value.required, refused.value.available) == (limit, 1, 0)


@pytest.mark.parametrize(
    ("limit", "limits", "required", "available"),
    [
        ("spend", {"spend_limit": 700_000}, 500_000, 200_000),
        ("videos", {"videos_limit": 1}, 1, 0),
        ("seconds", {"seconds_limit": 11}, 6, 5),
        ("videos", {"spend_limit": 10**9, "videos_limit": 1, "seconds_limit": 7}, 1, 0),
    ],
)
def test_a_refusal_says_which_limit_and_writes_nothing(limit, limits, required, available):
    alice = make_user(plan=make_plan(**limits))
    period = make_hold(alice).period
    before = rows()
    with pytest.raises(InsufficientQuota) as refused:
        make_hold(alice)
    error = refused.value
    assert (error.violated, error.required, error.available) == (limit, required, available)
    assert error.resets_at == period.ends_at
    assert rows() == before


def test_a_refusal_of_the_very_first_hold_opens_no_period():
    alice = make_user(plan=make_plan(videos_limit=0))
    with pytest.raises(InsufficientQuota):
        make_hold(alice)
    assert not Period.objects.exists()


def test_a_model_that_the_plan_does_not_include_is_refused_and_nothing_is_written():
    price = make_price()
    alice = make_user(plan=make_plan(models_allowed=["maker/another"]))
    before = rows()
    with pytest.raises(ModelNotInPlan, match=price.model):
        billing.hold(user=alice, reference=uuid4(), price=price, amount=make_amount(), now=NOW, by=ACTOR)
    assert rows() == before


def test_a_plan_with_an_empty_list_of_models_allows_none():
    alice = make_user(plan=make_plan(models_allowed=[]))
    with pytest.raises(ModelNotInPlan):
        make_hold(alice)


def test_hold_is_one_conditional_update_of_own_columns(alice):
    make_hold(alice)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        make_hold(alice)
    updates = [query["sql"] for query in queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 1
    assert "SELECT" not in updates[0]
    assert "JOIN" not in updates[0]
    assert not [query for query in queries if "billing_period" in query["sql"] and "FOR UPDATE" in query["sql"]]


# --- settle and release -----------------------------------------------------------------------------------------------


def test_settle_spends_what_was_held(alice):
    held = make_hold(alice)
    assert billing.settle(held, now=NOW, by=Actor(name="worker", request_id="r-2"))
    held.refresh_from_db()
    assert (held.state, held.resolved_at) == ("settled", NOW)
    assert counters(held.period) == {"spend": (500_000, 0), "videos": (1, 0), "seconds": (6, 0)}
    line = LedgerEntry.objects.get(kind="settle")
    assert (line.hold, line.spend, line.videos, line.seconds) == (held, 500_000, 1, 6)
    assert (line.reference, line.actor, line.request_id, line.at) == (held.reference, "worker", "r-2", NOW)


def test_release_gives_back_what_was_held(alice):
    held = make_hold(alice)
    assert billing.release(held, now=NOW, by=Actor(name="watcher", request_id="r-3"))
    held.refresh_from_db()
    assert (held.state, held.resolved_at) == ("released", NOW)
    assert counters(held.period) == NOTHING
    line = LedgerEntry.objects.get(kind="release")
    assert (line.hold, line.spend, line.actor, line.request_id) == (held, 500_000, "watcher", "r-3")


@pytest.mark.parametrize("first", [billing.settle, billing.release])
@pytest.mark.parametrize("second", [billing.settle, billing.release])
def test_a_hold_is_resolved_once(alice, first, second):
    held = make_hold(alice)
    stale = Hold.objects.get(pk=held.pk)
    assert first(held, now=NOW, by=ACTOR)
    before = rows()
    assert not second(stale, now=NOW + timedelta(seconds=1), by=ACTOR)
    assert not second(held, now=NOW + timedelta(seconds=1), by=ACTOR)
    assert rows() == before


def test_what_was_released_can_be_held_again():
    alice = make_user(plan=make_plan(videos_limit=1))
    billing.release(make_hold(alice), now=NOW, by=ACTOR)
    assert make_hold(alice).state == Hold.State.HELD


def test_what_was_settled_can_not_be_held_again():
    alice = make_user(plan=make_plan(videos_limit=1))
    make_used(alice, make_amount())
    with pytest.raises(InsufficientQuota):
        make_hold(alice)


@pytest.mark.parametrize(("resolve", "spent"), [(billing.settle, 500_000), (billing.release, 0)])
def test_a_hold_stays_in_the_period_in_which_it_was_taken(resolve, spent):
    alice = make_user(plan=make_plan(videos_limit=1))
    held = make_hold(alice)
    later = held.period.ends_at + timedelta(hours=1)
    next_one = make_hold(alice, now=later)
    assert next_one.period != held.period
    assert next_one.period.starts_at == held.period.ends_at
    assert resolve(held, now=later, by=ACTOR)
    assert counters(held.period)["spend"] == (spent, 0)
    assert counters(next_one.period)["spend"] == (0, 500_000)
    assert LedgerEntry.objects.exclude(kind="hold").get().period == held.period


@pytest.mark.parametrize(("before_the_end", "same"), [(timedelta(microseconds=1), True), (timedelta(0), False)])
def test_the_period_ends_at_its_very_moment(before_the_end, same):
    alice = make_user(plan=make_plan())
    period = make_hold(alice).period
    assert (make_hold(alice, now=period.ends_at - before_the_end).period == period) is same


# --- who has what -----------------------------------------------------------------------------------------------------


def test_whoever_needs_a_subscription_first_opens_it_on_free():
    user = User.objects.create_user("new@example.org")
    opened = billing.subscription_of(user, NOW)
    assert (opened.plan.slug, opened.anchor) == ("free", NOW)
    again = billing.subscription_of(user, NOW + timedelta(days=40))
    assert (again, again.anchor) == (opened, NOW)
    assert Subscription.objects.count() == 1


def test_a_new_user_holds_without_having_been_subscribed_before():
    held = make_hold(User.objects.create_user("new@example.org"), now=NOW)
    assert held.period.subscription.plan.slug == "free"
    assert (held.period.starts_at, held.period.spend_limit, held.period.videos_limit) == (NOW, 2_000_000, 2)


def test_looking_opens_nothing():
    user = User.objects.create_user("new@example.org")
    seen = billing.current_period(user, NOW)
    assert (seen.pk, seen.starts_at, seen.left("spend"), seen.left("videos")) == (None, NOW, 2_000_000, 2)
    assert not Subscription.objects.exists()
    assert not Period.objects.exists()


def test_a_look_shows_the_row_once_there_is_one(alice):
    held = make_hold(alice, now=NOW)
    assert billing.current_period(alice, NOW) == held.period
    assert billing.current_period(alice, NOW).left("spend") == 99_500_000
    assert billing.current_period(alice, held.period.ends_at).left("spend") == 100_000_000


# --- all together -----------------------------------------------------------------------------------------------------


def test_the_sum_of_many_random_holds_is_the_total():
    draw, users = Random(20260822), [make_user(plan=make_plan()) for _ in range(3)]
    expected = dict.fromkeys(users, 0)
    for _ in range(100):
        user, price = draw.choice(users), draw.randint(1, 999_999)
        seconds = draw.randint(1, 20)
        held = make_hold(user, make_amount(spend=price * seconds, seconds=seconds))
        resolve = draw.choice([billing.settle, billing.settle, billing.release])
        resolve(held, now=NOW, by=ACTOR)
        expected[user] += held.spend if resolve is billing.settle else 0
    for user, total in expected.items():
        period = billing.current_period(user, timezone.now())
        settled = Hold.objects.filter(period=period, state="settled").values_list("spend", flat=True)
        assert sum(settled) == period.spend_spent == total
        assert period.spend_held == 0
    assert not list(differences())


def test_what_ten_thousand_random_jobs_cost_is_what_their_shown_prices_add_up_to():
    draw, total, shown = Random(20260822), 0, Decimal(0)
    specs = [make_spec(duration=seconds) for seconds in (6, 8, 10)]
    for _ in range(10_000):
        price = Price(micros_per_second=draw.randint(1, 999_999))
        quote = Quote(spec=draw.choice(specs), price=price, period=Period())
        total += quote.amount.spend
        shown += Decimal(dollars(quote.amount.spend))
    assert shown == Decimal(dollars(total))
    assert micros(str(shown)) == total
