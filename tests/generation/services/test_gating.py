"""The Gate and money: it reopens by itself, and operators are told what is news."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from django_q.models import OrmQ

from generation import services, tasks
from generation.models import Alert, Errand, Gate
from generation.providers.wavespeed import WaveSpeed
from generation.services import COLLECT_CLUSTER

pytestmark = pytest.mark.django_db

NOW = timezone.now()


@pytest.fixture(autouse=True)
def least(db) -> None:
    """Let operators have set a least balance of $5."""
    services.the_gate()
    Gate.objects.update(least_balance=5_000_000)


def read(dollars: float, *, at: datetime = NOW) -> bool:
    """Read this balance and say whether the Gate is open behind it."""
    services.heed_balance(round(dollars * 1_000_000), now=at)
    return services.the_gate().closed_at is None


def refuse(*, at: datetime = NOW) -> None:
    services.close_gate("no credit", now=at, cause=Gate.Cause.CREDIT)


def test_a_top_up_that_does_not_reach_the_reading_before_the_refusal_reopens():
    read(100)
    refuse()
    assert not read(0.02)
    assert read(50)


def test_a_top_up_in_steps_reopens_whatever_was_read_between():
    refuse()
    assert [read(dollars) for dollars in (1, 3, 4, 6)] == [False, False, False, True]


def test_what_rose_while_it_was_below_the_least_counts_once_the_least_is_lower():
    refuse()
    assert [read(dollars) for dollars in (1, 3, 3)] == [False, False, False]
    Gate.objects.update(least_balance=2_000_000)
    assert read(3)


def test_what_is_left_is_asked_for_as_soon_as_credit_was_refused():
    refuse()
    assert [(hint.key, hint.func()) for hint in OrmQ.objects.all()] == [
        (COLLECT_CLUSTER, "generation.tasks.heed_balance")
    ]


def test_a_balance_that_was_asked_for_before_the_refusal_says_nothing_of_what_is_left():
    read(10)
    refuse(at=NOW + timedelta(seconds=2))
    assert not read(20, at=NOW + timedelta(seconds=1))
    assert not read(0.02, at=NOW + timedelta(seconds=3))
    assert read(10, at=NOW + timedelta(minutes=3))


def test_a_top_up_that_came_before_anything_was_read_is_tried_after_hours():
    read(100)
    refuse()
    assert not read(50, at=NOW + timedelta(hours=2, minutes=59))
    assert read(50, at=NOW + timedelta(hours=3))


@pytest.mark.parametrize("cause", [Gate.Cause.ACCOUNT, Gate.Cause.OPERATOR])
def test_what_a_person_decides_is_not_tried(cause):
    services.close_gate("why", now=NOW, cause=cause)
    assert not read(50, at=NOW + timedelta(days=2))


def test_below_the_least_nothing_is_tried():
    refuse()
    assert not read(4, at=NOW + timedelta(days=2))


def test_refunds_of_cents_are_told_once():
    for cents in range(1, 6):
        refuse(at=NOW + timedelta(minutes=cents))
        assert read(6 + cents / 100, at=NOW + timedelta(minutes=cents, seconds=1)) is (cents > 1)
    assert Alert.objects.count() == 1


def test_what_is_still_closed_after_an_hour_is_told():
    refuse()
    assert not read(6)
    assert read(50, at=NOW + timedelta(minutes=20))  # and used up
    assert not read(1, at=NOW + timedelta(minutes=50))
    assert Alert.objects.count() == 1
    for minutes in (59, 60, 63, 200):
        read(1, at=NOW + timedelta(minutes=minutes))
    assert [one.text.split(", ")[0] for one in Alert.objects.order_by("pk")[1:]] == ["WaveSpeed's balance is $1.00"]


def test_what_closes_after_an_operator_has_opened_it_is_told():
    refuse()
    services.open_gate()
    refuse()
    assert Alert.objects.count() == 2


def test_a_bad_key_is_told_whatever_was_told_of_money():
    refuse()
    services.close_gate("no such key", now=NOW, cause=Gate.Cause.ACCOUNT)
    assert Alert.objects.count() == 2


def test_the_balance_counts_as_of_when_it_was_asked_for(monkeypatch):
    def slow(self):
        refuse(at=timezone.now())
        return 100_000_000

    read(1)
    services.open_gate()
    monkeypatch.setattr(WaveSpeed, "balance", slow)
    services.errands.hand("heed_balance")
    tasks.heed_balance()
    assert services.the_gate().closed_at
    assert Errand.objects.get().lease_until is None
