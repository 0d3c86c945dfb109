"""A hold against spend, videos, seconds and the cap of a key: each alone and all together, all or nothing."""

from datetime import timedelta
from itertools import combinations

import pytest
from django.utils import timezone

from billing import services as billing
from billing.ledger import differences
from billing.models import ApiKey, Hold
from billing.money import LIMITS, Amount
from billing.services import InsufficientQuota, PastDue
from tests.billing.make import counters, everything, make_amount, make_capped_key, make_hold, make_used
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = timezone.now()
UNIT = make_amount(spend=10, videos=1, seconds=6)
OF_THREE = {"spend": 30, "videos": 3, "seconds": 18, "key": 30}
"""What three holds of a unit take, of each limit."""
SUBSETS = [chosen for size in range(5) for chosen in combinations(OF_THREE, size)]


def make_limited(chosen: tuple[str, ...], *, less: str = "") -> ApiKey:
    """Make a key whose user has room for three units in the chosen limits, and one micro or piece less in one."""
    room = {limit: most - (limit == less) for limit, most in OF_THREE.items() if limit in chosen}
    key_limit = room.pop("key", None)
    plan = make_plan(**{f"{limit}_limit": most for limit, most in room.items()})
    return make_capped_key(make_user(plan=plan), key_limit)


def refusal(key: ApiKey, amount: Amount = UNIT) -> InsufficientQuota:
    """Return why the amount does not fit; not a row is other than before."""
    before = everything()
    with pytest.raises(InsufficientQuota) as refused:
        make_hold(key.user, amount, api_key=key, now=NOW)
    assert everything() == before
    return refused.value


@pytest.mark.parametrize("chosen", SUBSETS, ids="+".join)
def test_what_fills_the_limits_exactly_is_accepted_and_one_more_is_refused(chosen):
    key = make_limited(chosen)
    for _ in range(3):
        held = make_hold(key.user, UNIT, api_key=key, now=NOW)
    assert counters(held.period) == {"spend": (0, 30), "videos": (0, 3), "seconds": (0, 18)}
    key.refresh_from_db()
    assert (key.spend_spent, key.spend_held) == (0, 30)
    if chosen:
        assert refusal(key).violated == chosen[0]
    else:
        make_hold(key.user, UNIT, api_key=key, now=NOW)
    assert not list(differences())


@pytest.mark.parametrize("less", OF_THREE)
def test_one_piece_too_few_of_any_limit_refuses_the_third(less):
    key = make_limited(tuple(OF_THREE), less=less)
    for _ in range(2):
        make_hold(key.user, UNIT, api_key=key, now=NOW)
    refused = refusal(key)
    needed = {"spend": 10, "videos": 1, "seconds": 6, "key": 10}[less]
    assert (refused.violated, refused.required, refused.available) == (less, needed, needed - 1)


@pytest.mark.parametrize("limit", OF_THREE)
def test_a_limit_of_nothing_refuses_the_first(limit):
    room = {each: (0 if each == limit else None) for each in OF_THREE}
    plan = make_plan(**{f"{each}_limit": room[each] for each in LIMITS})
    refused = refusal(make_capped_key(make_user(plan=plan), room["key"]))
    assert (refused.violated, refused.available) == (limit, 0)


def test_a_limit_of_no_videos_lets_through_what_counts_as_none():
    user = make_user(plan=make_plan(videos_limit=0))
    assert make_hold(user, make_amount(videos=0)).videos == 0


@pytest.mark.parametrize("limit", LIMITS)
def test_a_refusal_by_the_period_comes_back_with_the_next_one(limit):
    key = make_limited((limit,))
    held = make_hold(key.user, UNIT, api_key=key, now=NOW)
    assert refusal(key, make_amount(spend=31, videos=4, seconds=19)).resets_at == held.period.ends_at
    assert make_hold(key.user, UNIT, api_key=key, now=held.period.ends_at).state == Hold.State.HELD


def test_a_refusal_by_a_key_never_comes_back_by_itself():
    key = make_limited(("key",))
    make_used(key.user, make_amount(spend=25), api_key=key, now=NOW)
    refused = refusal(key)
    assert (refused.violated, refused.required, refused.available, refused.resets_at) == ("key", 10, 5, None)
    with pytest.raises(InsufficientQuota):
        make_hold(key.user, UNIT, api_key=key, now=NOW + timedelta(days=400))


def test_a_key_counts_for_its_life_and_not_for_a_period():
    key = make_limited(("key",))
    for days in (0, 40, 80):
        make_hold(key.user, UNIT, api_key=key, now=NOW + timedelta(days=days))
    with pytest.raises(InsufficientQuota):
        make_hold(key.user, UNIT, api_key=key, now=NOW + timedelta(days=120))


def test_a_key_that_refuses_leaves_its_user_and_his_other_keys_as_they_were():
    full = make_limited(("key",))
    make_hold(full.user, make_amount(spend=30), api_key=full, now=NOW)
    refusal(full)
    assert make_hold(full.user, UNIT, now=NOW).api_key is None
    assert make_hold(full.user, UNIT, api_key=make_capped_key(full.user, 10), now=NOW).spend == 10


@pytest.mark.parametrize(
    ("resolve", "spent", "held"), [(billing.settle, 10, 0), (billing.release, 0, 0), (None, 0, 10)]
)
def test_a_key_follows_what_becomes_of_its_holds(resolve, spent, held):
    key = make_limited(("key",))
    taken = make_hold(key.user, UNIT, api_key=key, now=NOW)
    if resolve:
        resolve(taken, now=NOW, by=ACTOR)
    key.refresh_from_db()
    assert (key.spend_spent, key.spend_held, key.left) == (spent, held, 30 - spent - held)


def test_a_hold_in_a_callers_transaction_leaves_nothing_when_it_is_refused():
    key = make_limited(("key",))
    make_hold(key.user, make_amount(spend=30), api_key=key, now=NOW)
    # A caller who catches the refusal and goes on must not commit half a hold.
    assert refusal(key).violated == "key"
    assert make_hold(key.user, UNIT, now=NOW).spend == 10
    assert not list(differences())


# --- past due ---------------------------------------------------------------------------------------------------------


def test_past_due_refuses_new_holds_and_lets_go_on_what_is_held(alice):
    first, second = make_hold(alice), make_hold(alice)
    billing.set_past_due(alice, now=NOW)
    before = everything()
    with pytest.raises(PastDue):
        make_hold(alice)
    assert everything() == before
    assert billing.settle(first, now=NOW, by=ACTOR)
    assert billing.release(second, now=NOW, by=ACTOR)


def test_past_due_since_says_the_first_moment(alice):
    billing.set_past_due(alice, now=NOW)
    said = billing.set_past_due(alice, now=NOW + timedelta(days=3))
    assert said.past_due_since == NOW


def test_reactivation_allows_holds_again_in_the_period_that_it_would_have_been(alice):
    used = make_used(alice, make_amount(spend=90_000_000), now=NOW)
    billing.set_past_due(alice, now=NOW)
    billing.reactivate(alice, now=NOW + timedelta(days=2))
    assert make_hold(alice, now=NOW + timedelta(days=2)).period == used.period
    with pytest.raises(InsufficientQuota):
        make_hold(alice, make_amount(spend=10_000_000), now=NOW + timedelta(days=2))
    later = make_hold(alice, now=NOW + timedelta(days=70)).period
    assert later.starts_at == billing.current_period(alice, NOW + timedelta(days=70)).starts_at
    assert later.subscription.anchor == used.period.subscription.anchor
