"""What keeps Free from being given away: verified addresses, and a ceiling a day."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress

from billing import services as billing
from billing.models import FreeDay, Plan, User
from billing.services import AddressNotVerified, InsufficientQuota
from tests.billing.make import everything, make_amount, make_capped_key, make_hold
from tests.make import ACTOR, make_plan, make_user

pytestmark = pytest.mark.django_db

NOW = datetime(2027, 3, 14, 22, 0, tzinfo=UTC)
MIDNIGHT = datetime(2027, 3, 15, tzinfo=UTC)


def newcomer(number: int = 0) -> User:
    return User.objects.create_user(f"new{number}@example.org")


def hold(user, spend=10, *, now=NOW, **says):
    return make_hold(user, make_amount(spend=spend), now=now, **says)


# --- verified addresses -----------------------------------------------------------------------------------------------


@pytest.fixture
def verifying(settings):
    """Set mail up, so that addresses can be verified."""
    settings.VERIFY_ADDRESSES = True


@pytest.mark.parametrize(
    "known",
    [
        [],
        [{"email": "new0@example.org", "verified": False}],
        [{"email": "other@example.org", "verified": True}],
    ],
    ids=["unknown", "not verified", "another one verified"],
)
def test_free_is_refused_to_whose_address_is_not_verified(verifying, known):
    user = newcomer()
    for address in known:
        EmailAddress.objects.create(user=user, **address)
    before = everything()
    with pytest.raises(AddressNotVerified, match=r"new0@example\.org"):
        hold(user)
    assert everything() == before


def test_an_address_that_somebody_else_verified_does_not_count(verifying):
    EmailAddress.objects.create(user=newcomer(1), email="new0@example.org", verified=True)
    with pytest.raises(AddressNotVerified):
        hold(newcomer())


def test_free_is_given_once_the_address_is_verified(verifying):
    user = newcomer()
    with pytest.raises(AddressNotVerified):
        hold(user)
    EmailAddress.objects.create(user=user, email=user.email, verified=True)
    assert hold(user).period.subscription.plan.slug == "free"


def test_other_plans_want_no_verified_address(verifying):
    assert hold(make_user(plan=make_plan()), now=None).spend == 10


def test_a_plan_that_became_free_wants_a_verified_address(verifying):
    user = newcomer()
    billing.change_plan(user, Plan.objects.get(slug="pro"), now=NOW, by=ACTOR)
    period = hold(user).period
    billing.cancel_subscription(user, now=NOW)
    hold(user, now=period.ends_at - timedelta(seconds=1))
    with pytest.raises(AddressNotVerified):
        hold(user, now=period.ends_at)


def test_without_mail_nobody_is_asked(settings):
    settings.VERIFY_ADDRESSES = False
    assert hold(newcomer()).spend == 10


# --- a ceiling a day --------------------------------------------------------------------------------------------------


@pytest.fixture
def ceiling(settings):
    """Is what Free may cost in all a day."""
    settings.FREE_DAILY_CEILING = 30
    return settings.FREE_DAILY_CEILING


def test_all_of_free_together_costs_no_more_a_day_than_its_ceiling(ceiling):
    for number in range(3):
        hold(newcomer(number))
    late = newcomer(3)
    before = everything()
    with pytest.raises(InsufficientQuota) as refused:
        hold(late)
    assert everything() == before
    said = refused.value
    assert (said.violated, said.required, said.available, said.resets_at) == ("free_today", 10, 0, MIDNIGHT)
    day = FreeDay.objects.get()
    assert (day.day, day.spend_used) == (NOW.date(), 30)


def test_a_ceiling_is_filled_exactly_and_one_micro_more_is_refused(ceiling):
    hold(newcomer(), 20)
    with pytest.raises(InsufficientQuota) as refused:
        hold(newcomer(1), 11)
    assert (refused.value.required, refused.value.available) == (11, 10)
    hold(newcomer(2), 10)


def test_another_day_has_another_ceiling(ceiling):
    user = newcomer()
    hold(user, 30, now=MIDNIGHT - timedelta(microseconds=1))
    with pytest.raises(InsufficientQuota) as refused:
        hold(user, now=MIDNIGHT - timedelta(microseconds=1))
    assert refused.value.resets_at == MIDNIGHT
    hold(user, 30, now=MIDNIGHT)
    assert sorted(FreeDay.objects.values_list("day", "spend_used")) == [
        (NOW.date(), 30),
        (MIDNIGHT.date(), 30),
    ]


def test_a_day_is_one_of_utc(ceiling):
    # Half past eleven at night in New York is tomorrow.
    hold(newcomer(), now=datetime.fromisoformat("2027-03-14T23:30:00-04:00"))
    assert FreeDay.objects.get().day == MIDNIGHT.date()


@pytest.mark.parametrize(("resolve", "used"), [(billing.settle, 10), (billing.release, 0)])
def test_what_is_released_is_given_back_to_the_day_of_its_hold(ceiling, resolve, used):
    held = hold(newcomer())
    resolve(held, now=NOW + timedelta(days=2), by=ACTOR)
    assert FreeDay.objects.get().spend_used == used
    assert FreeDay.objects.get().day == NOW.date()


def test_a_day_is_given_back_once(ceiling):
    held = hold(newcomer())
    for _ in range(2):
        billing.release(held, now=NOW, by=ACTOR)
    assert FreeDay.objects.get().spend_used == 0


def test_other_plans_touch_no_ceiling(ceiling):
    user = make_user(plan=make_plan())
    held = hold(user, 10**9, now=None)
    assert held.free_day is None
    billing.release(held, now=NOW, by=ACTOR)
    assert not FreeDay.objects.exists()


def test_without_a_ceiling_no_day_is_counted(settings):
    settings.FREE_DAILY_CEILING = None
    assert hold(newcomer()).free_day is None
    assert not FreeDay.objects.exists()


def test_a_ceiling_of_nothing_gives_nothing(settings):
    settings.FREE_DAILY_CEILING = 0
    with pytest.raises(InsufficientQuota) as refused:
        hold(newcomer(), 1)
    assert (refused.value.violated, refused.value.available) == ("free_today", 0)


def test_a_ceiling_that_was_lowered_below_what_is_used_leaves_nothing_and_not_less(ceiling, settings):
    hold(newcomer(), 30)
    settings.FREE_DAILY_CEILING = 10
    with pytest.raises(InsufficientQuota) as refused:
        hold(newcomer(1))
    assert refused.value.available == 0


def test_a_ceiling_that_refuses_leaves_period_and_key_as_they_were(ceiling):
    user = newcomer()
    key = make_capped_key(user, 100)
    hold(user, api_key=key)
    before = everything()
    with pytest.raises(InsufficientQuota) as refused:
        hold(user, 21, api_key=key)
    assert refused.value.violated == "free_today"
    assert everything() == before


def test_what_is_held_stays_free_when_the_plan_gets_larger(ceiling):
    user = newcomer()
    held = hold(user)
    billing.change_plan(user, Plan.objects.get(slug="pro"), now=NOW, by=ACTOR)
    assert hold(user).free_day is None
    billing.release(held, now=NOW, by=ACTOR)
    assert FreeDay.objects.get().spend_used == 0
