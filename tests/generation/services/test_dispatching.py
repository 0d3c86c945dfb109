"""Who may go to the provider next."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone
from django_q.models import OrmQ

from generation import services
from generation.models import Gate, Job, JobEvent, Status
from generation.services import dispatching
from tests.make import ACTOR, make_fence, make_job, make_plan, make_spec, make_upload, make_user

pytestmark = pytest.mark.django_db


def gate(places: int = 50, a_minute: int = 6000) -> None:
    services.the_gate()
    Gate.objects.update(predictions_at_a_time=places, submissions_a_minute=a_minute)


def handed() -> list[Job]:
    return list(Job.objects.filter(handed_at__isnull=False))


def take(many: int) -> None:
    """Have workers take the first of what was handed over, as they do before they send it."""
    untaken = Job.objects.filter(handed_at__isnull=False, taken_at__isnull=True).order_by("created_at")[:many]
    Job.objects.filter(pk__in=list(untaken.values_list("pk", flat=True))).update(taken_at=timezone.now())


def test_a_hint_commits_with_each_handed_job(alice):
    make_job(alice)

    assert services.dispatch() == 1

    assert len(handed()) == OrmQ.objects.count() == 1


def test_a_job_is_handed_over_once_while_its_lease_lasts(alice):
    make_job(alice)
    services.dispatch()

    assert services.dispatch() == 0


def end_leases(**also) -> None:
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1), **also)


def test_a_job_whose_lease_has_ended_is_handed_over_again(alice):
    job = make_job(alice)
    services.dispatch()
    end_leases()
    OrmQ.objects.all().delete()

    assert services.dispatch() == 1
    job.refresh_from_db()
    assert job.lease_until > timezone.now()
    assert OrmQ.objects.count() == 1


def test_while_hints_wait_for_workers_no_job_gets_another(alice):
    job = make_job(alice)
    services.dispatch()
    handed_at = Job.objects.get().handed_at
    for _ in range(3):
        end_leases()
        assert services.dispatch() == 1

    job.refresh_from_db()
    assert job.lease_until > timezone.now()
    assert (job.handed_at, OrmQ.objects.count()) == (handed_at, 1)
    assert job.events.filter(note="Handed to a worker.").count() == 1


def hint_was_taken_by_who_died():
    end_leases(taken_at=timezone.now())


def hint_came_too_late():
    end_leases()
    services.submit(Job.objects.get().pk)


def hint_is_thought_lost():
    end_leases(handed_at=timezone.now() - timedelta(seconds=3 * settings.HAND_LEASE + 1))


@pytest.mark.parametrize("meanwhile", [hint_was_taken_by_who_died, hint_came_too_late, hint_is_thought_lost])
def test_a_job_whose_own_hint_is_gone_gets_another_while_others_wait(alice, meanwhile):
    make_job(alice)
    services.dispatch()
    meanwhile()

    assert services.dispatch() == 1
    assert OrmQ.objects.count() == 2
    assert Job.objects.get().taken_at is None


def later(seconds: float) -> None:
    """Let the leases of what was handed over, and the time since, be older by so much."""
    passed = timedelta(seconds=seconds)
    Job.objects.update(handed_at=F("handed_at") - passed, lease_until=F("lease_until") - passed)


def test_while_all_workers_are_away_no_pile_of_hints_grows(settings):
    settings.HAND_LEASE = 60
    user = make_user(plan=make_plan())
    for _ in range(4):
        make_job(user)
    services.dispatch()

    for _ in range(30):
        later(61)
        assert services.dispatch() == 4

    # Three leases and a look each time, in half an hour.
    assert OrmQ.objects.count() <= 4 * 11


@pytest.fixture
def few(monkeypatch):
    """Let workers have ten in hand, and be handed more below five."""
    monkeypatch.setattr(dispatching, "_MOST_UNTAKEN", 10)
    monkeypatch.setattr(dispatching, "_ENOUGH_UNTAKEN", 5)


@pytest.mark.usefixtures("few")
def test_no_more_are_handed_over_than_workers_have_soon_taken():
    user = make_user(plan=make_plan())
    for _ in range(22):
        make_job(user)

    assert (services.dispatch(), services.dispatch(), OrmQ.objects.count()) == (10, 0, 10)
    take(5)
    assert services.dispatch() == 0
    take(1)
    assert services.dispatch() == 6
    take(10)
    assert services.dispatch() == 6


@pytest.mark.usefixtures("few")
def test_a_newcomer_s_first_job_is_the_next_to_be_handed_over_before_a_long_queue(bob):
    user = make_user(plan=make_plan())
    for _ in range(18):
        make_job(user)
    services.dispatch()
    first = make_job(bob)
    take(6)

    services.dispatch()

    assert first in handed()
    assert Job.objects.filter(user=user, handed_at__isnull=True).exists()


def test_files_that_wait_for_a_hand_keep_up_no_job_without_one(settings):
    settings.COLLECT_WORKERS = 2
    gate(places=20)
    user, other = make_user(plan=make_plan(jobs_at_a_time=100)), make_user(plan=make_plan(jobs_at_a_time=100))
    upload = make_upload(user)
    for _ in range(30):
        make_job(user, upload=upload)
    assert services.dispatch() == 4
    without = [make_job(other) for _ in range(10)]

    assert services.dispatch() == 10

    assert set(without) <= set(handed())
    take(2)
    assert services.dispatch() == 0  # two wait for their workers
    take(1)
    assert services.dispatch() == 3


def test_what_has_no_room_in_its_own_cluster_gives_its_turn_to_the_next(settings):
    settings.COLLECT_WORKERS = 1
    gate(places=10)
    user = make_user(plan=make_plan(jobs_at_a_time=100))
    upload = make_upload(user)
    for number in range(40):
        make_job(user, upload=upload if number < 20 else None)

    assert services.dispatch() == 10

    assert sum(job.upload_id is not None for job in handed()) == 2


def test_a_job_that_is_due_later_waits(alice):
    make_job(alice, due_at=timezone.now() + timedelta(minutes=1))

    assert services.dispatch() == 0


def test_the_gate_lets_in_as_many_as_it_has_places():
    gate(places=3)
    user = make_user(plan=make_plan())
    for status in (Status.RUNNING, Status.SUBMITTING, Status.QUEUED, Status.QUEUED, Status.SUCCEEDED):
        make_job(user, status=status)

    assert services.dispatch() == 1


def test_the_gate_counts_what_was_sent_in_the_last_minute():
    gate(a_minute=2)
    user = make_user(plan=make_plan())
    for seconds in (1, 61):
        make_fence(make_job(user, status=Status.SUCCEEDED), timezone.now() - timedelta(seconds=seconds))
    for _ in range(3):
        make_job(user)

    assert services.dispatch() == 1
    assert services.dispatch() == 0


def test_the_gate_counts_each_submission_of_a_job_that_was_sent_again(alice, sandbox):
    gate(a_minute=2)
    job = services.create(alice, make_spec("fox [fault:rate_limited]"), by=ACTOR)
    for _ in range(4):
        Job.objects.update(due_at=None)
        Gate.objects.update(narrowed_to=None)
        services.dispatch()
        services.submit(job.pk)

    assert sandbox.stats()["requests"]["POST /api/v3/{model_id:path}"] == 2
    assert Job.objects.get().handed_at is None


def test_what_is_counted_ten_times_a_second_is_found_by_an_index(alice):
    make_fence(make_job(alice, status=Status.FAILED), timezone.now())

    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # which is faster while the table is this small
    plan = JobEvent.objects.fences(timezone.now() - timedelta(minutes=1)).order_by().explain()

    assert "event_fence" in plan


def test_a_closed_gate_lets_nobody_in_and_keeps_what_was_said_first(alice):
    make_job(alice)
    services.close_gate("no credit", now=timezone.now())
    services.close_gate("something else", now=timezone.now())

    assert services.dispatch() == 0
    assert Gate.objects.get().closed_reason == "no credit"
    services.open_gate()
    assert services.dispatch() == 1


def test_a_plan_s_places_order_the_queue():
    user = make_user(plan=make_plan(jobs_at_a_time=2))
    for _ in range(4):
        make_job(user)

    assert services.dispatch() == 2


@pytest.mark.parametrize(("minutes", "free"), [(9, 0), (11, 1)])
def test_an_unknown_job_gives_its_place_back_after_the_time_limit(minutes, free):
    user = make_user(plan=make_plan(jobs_at_a_time=1))
    make_job(user, status=Status.UNKNOWN, submit_started_at=timezone.now() - timedelta(minutes=minutes))
    make_job(user)

    assert services.dispatch() == free


@pytest.mark.parametrize(("minutes", "free"), [(9, 1), (11, 2)])
def test_the_gate_counts_an_unknown_job_until_the_time_limit(minutes, free):
    gate(places=2)
    user = make_user(plan=make_plan())
    make_job(user, status=Status.UNKNOWN, submit_started_at=timezone.now() - timedelta(minutes=minutes))
    for _ in range(3):
        make_job(user)

    assert services.dispatch() == free


def test_one_user_s_many_jobs_do_not_delay_another_s_first(alice, bob):
    gate(places=4)
    for _ in range(5):
        make_job(alice)
    first = make_job(bob)

    services.dispatch()

    assert first in handed()


def test_next_is_the_user_with_the_fewest_in_flight_and_then_the_oldest(alice, bob):
    gate(places=3)
    make_job(alice, status=Status.RUNNING)
    make_job(alice)
    bobs = [make_job(bob), make_job(bob)]

    services.dispatch()

    assert set(handed()) == {bobs[0], Job.objects.queued().filter(user=alice).get()} or set(handed()) == set(bobs)


def test_a_job_canceled_meanwhile_is_not_handed_over(alice):
    job = make_job(alice)
    Job.objects.filter(pk=job.pk).update(status=Status.CANCELED, finished_at=timezone.now())

    assert services.dispatch() == 0
    assert not OrmQ.objects.exists()


def test_the_gate_is_narrow_for_the_real_provider_and_wide_for_the_sandbox(db, settings):
    assert (services.the_gate().predictions_at_a_time, services.the_gate().submissions_a_minute) == (50, 6000)
    Gate.objects.all().delete()
    settings.SANDBOX = False
    assert (services.the_gate().predictions_at_a_time, services.the_gate().submissions_a_minute) == (2, 2)
