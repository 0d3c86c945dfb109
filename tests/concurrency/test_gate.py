"""Eight dispatchers at once, each on a connection of its own: what they hand over together never exceeds the Gate."""

import pytest

from generation import services
from generation.models import Gate, Job, Status
from tests.concurrency import actions
from tests.concurrency.racing import race
from tests.concurrency.test_waiting_for_the_row import in_turn
from tests.make import make_job, make_plan, make_user

pytestmark = pytest.mark.django_db(transaction=True)

DISPATCHERS = 8
PLACES = 5
RUNNING = 2


@pytest.fixture(autouse=True)
def _queue() -> None:
    Gate.objects.create(pk=1, predictions_at_a_time=PLACES, submissions_a_minute=6000)
    user = make_user(plan=make_plan())
    for _ in range(RUNNING):
        make_job(user, status=Status.RUNNING)
    for _ in range(DISPATCHERS * PLACES):
        make_job(user)


def handed() -> int:
    return Job.objects.filter(handed_at__isnull=False).count()


def test_dispatchers_at_once_hand_over_no_more_than_the_gate_has_places():
    outcomes = race(actions.dispatch, [()] * DISPATCHERS)

    assert handed() == PLACES - RUNNING == sum(map(int, outcomes))


def test_whoever_counts_places_before_the_lock_hands_over_too_many():
    race(actions.dispatch_counting_before_the_lock, [()] * DISPATCHERS)

    assert handed() == DISPATCHERS * (PLACES - RUNNING)


@pytest.mark.postgres
def test_a_dispatcher_counts_places_once_another_has_given_its_own_away():
    assert in_turn(services.dispatch, services.dispatch) == (PLACES - RUNNING, 0)
