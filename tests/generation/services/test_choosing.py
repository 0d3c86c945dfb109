"""Whose turn it is: fair between users, mild to the larger plans, and nobody starves."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Model
from django.utils import timezone

from billing.models import Hold, Plan, User
from generation import services
from generation.models import Gate, Job, Status, Turn
from tests.make import make_job, make_plan, make_user

pytestmark = pytest.mark.django_db


def gate(places: int) -> None:
    services.the_gate()
    Gate.objects.update(predictions_at_a_time=places, submissions_a_minute=6000)


def queue(user: User, many: int) -> list[Job]:
    """Queue jobs of an hour ago, a second apart; rows are copied, since 500 holds would take their time."""
    first = make_job(user, created_at=timezone.now() - timedelta(hours=1))
    copies = []
    for number in range(1, many):
        hold = Hold(**row_of(first.hold) | {"reference": uuid4()})
        created_at = first.created_at + timedelta(seconds=number)
        job = Job(**row_of(first) | {"id": hold.reference, "created_at": created_at})
        job.hold = hold
        copies.append(job)
    Hold.objects.bulk_create([job.hold for job in copies])
    for job in copies:
        job.hold_id = job.hold.pk
    Job.objects.bulk_create(copies)
    return [first, *copies]


def row_of(row: Model) -> dict[str, Any]:
    """Return a row's columns without its own key."""
    fields = (field for field in row._meta.concrete_fields if not field.primary_key)
    return {field.attname: getattr(row, field.attname) for field in fields}


def started() -> list[int]:
    """Dispatch once, let the handed jobs run, and return whose they were."""
    services.dispatch()
    handed = Job.objects.filter(status=Status.QUEUED, handed_at__isnull=False)
    users = list(handed.values_list("user_id", flat=True))
    handed.update(status=Status.RUNNING, handed_at=None, lease_until=None)
    return users


def end_all() -> None:
    """Let everything that runs end; as rows, since nothing here is about its money."""
    gone = timezone.now() - timedelta(minutes=2)
    Job.objects.filter(status=Status.RUNNING).update(
        status=Status.FAILED, finished_at=timezone.now(), submit_started_at=gone
    )


def test_another_s_first_starts_next_beside_a_long_queue_even_at_a_gate_of_one_place(alice):
    gate(places=1)
    queue(alice, 500)
    assert started() == [alice.pk]
    newcomer = make_user(plan=make_plan())
    make_job(newcomer)  # an hour younger than all of hers
    end_all()

    assert started() == [newcomer.pk]


def test_users_take_turns_where_there_is_one_place(alice, bob):
    gate(places=1)
    queue(alice, 4)
    queue(bob, 4)

    turns = []
    for _ in range(6):
        turns += started()
        end_all()

    assert sorted(turns) == sorted([alice.pk, bob.pk] * 3)
    assert all(one != other for one, other in pairwise(turns))


def test_a_plan_with_a_higher_priority_gets_that_much_more_of_a_full_queue():
    gate(places=8)
    mild = make_user(plan=make_plan(priority=1))
    large = make_user(plan=make_plan(priority=3))
    queue(mild, 8)
    queue(large, 8)

    users = started()

    assert (users.count(large.pk), users.count(mild.pk)) == (6, 2)


def test_a_free_user_starts_within_bounded_rounds_beside_500_jobs_of_enterprise():
    gate(places=1)
    large = [make_user(plan=make_plan(priority=3)) for _ in range(5)]
    for user in large:
        queue(user, 100)
    free = make_user(plan="free")
    Turn.objects.create(user=free, at=timezone.now())  # no newcomer, who would be next at once
    make_job(free)

    rounds = 0
    while True:
        rounds += 1
        users = started()
        end_all()
        # As if each video took a minute: whoever waits has waited longer.
        Job.objects.filter(status=Status.QUEUED).update(created_at=_earlier("created_at"))
        Turn.objects.update(at=_earlier("at"))
        if free.pk in users:
            break
        assert rounds < 50

    assert 1 < rounds <= (3 + 1) * len(large)  # three turns of each, and one of who never had any


def test_a_user_s_second_does_not_stand_before_another_s_first_whatever_the_plan():
    gate(places=2)
    large = make_user(plan="enterprise")
    queue(large, 3)
    free = make_user(plan="free")
    make_job(free)

    assert sorted(started()) == sorted([large.pk, free.pk])


def test_larger_plans_are_shipped_with_a_mild_priority(db):
    assert dict(Plan.objects.values_list("slug", "priority")) == {"free": 1, "basic": 1, "pro": 2, "enterprise": 3}


@pytest.mark.parametrize("priority", [0, 11])
def test_a_priority_that_would_starve_somebody_is_refused(priority):
    plan = make_plan()
    plan.priority = priority

    with pytest.raises(ValidationError, match="priority"):
        plan.full_clean()
    with pytest.raises(IntegrityError), transaction.atomic():
        plan.save()


def _earlier(field: str):

    return F(field) - timedelta(minutes=1)
