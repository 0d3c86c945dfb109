"""What one worker at a time does: handed over once, done once, and after a failure not at once again."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django_q.models import OrmQ

from generation.models import Errand
from generation.services import COLLECT_CLUSTER, errands
from tests.generation.services.test_leases import Killed

pytestmark = pytest.mark.django_db

NAME = "send_notices"


def pass_time(**parts: float) -> None:
    """Let what was handed over or begun be so long ago."""
    errand = Errand.objects.get()
    if errand.lease_until:
        Errand.objects.update(lease_until=errand.lease_until - timedelta(**parts))


def nothing() -> None:
    """Do it."""


def test_a_collector_is_told_once_until_it_is_done():
    assert errands.hand(NAME)
    assert not errands.hand(NAME)
    assert [(hint.key, hint.func()) for hint in OrmQ.objects.all()] == [(COLLECT_CLUSTER, f"generation.tasks.{NAME}")]
    assert errands.do(NAME, nothing)
    assert errands.hand(NAME)


def test_nobody_joins_who_is_at_it():
    seen = []

    def look() -> None:
        seen.append(errands.hand(NAME))
        seen.append(errands.do(NAME, nothing))

    errands.hand(NAME)
    assert errands.do(NAME, look)
    assert seen == [False, False]


def test_a_hint_that_comes_twice_is_done_once():
    errands.hand(NAME)
    assert errands.do(NAME, nothing)
    assert not errands.do(NAME, nothing)


def test_after_a_failure_it_rests_for_a_minute():
    errands.hand(NAME)
    with pytest.raises(ZeroDivisionError):
        errands.do(NAME, lambda: 1 / 0)
    assert not errands.hand(NAME)
    pass_time(minutes=1)
    assert errands.hand(NAME)


def test_who_was_thought_dead_takes_nothing_from_the_next():
    def outlive() -> None:
        pass_time(minutes=6)
        assert errands.hand(NAME)

    errands.hand(NAME)
    assert errands.do(NAME, outlive)
    assert Errand.objects.get().handed_at
    assert not errands.hand(NAME)
    assert errands.do(NAME, nothing)


@pytest.mark.parametrize("end", ["done", "failed"])
def test_who_was_thought_dead_takes_nothing_from_the_next_who_is_at_it(end):
    def outlive() -> None:
        pass_time(minutes=6)
        assert errands.hand(NAME)
        with pytest.raises(Killed):
            errands.do(NAME, be_killed)  # as if it were still at it: its lease stands
        at_it.append(Errand.objects.values().get())
        if end == "failed":
            raise ZeroDivisionError

    at_it: list[object] = []
    errands.hand(NAME)
    with suppress(ZeroDivisionError):
        errands.do(NAME, outlive)
    assert Errand.objects.values().get() == at_it[0]
    assert not errands.hand(NAME)


def be_killed() -> None:
    raise Killed
