"""Following thousands: claims, fairness, and what is written back."""

import threading
from collections.abc import Callable
from copy import copy
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold
from generation import clock, services
from generation.models import Job, JobEvent, JobNotice, JobQuerySet, Status, following
from generation.providers.errors import NotFound, Unavailable
from generation.providers.predictions import Prediction
from generation.services import Answered
from generation.services.noticing import choose_mails
from tests.make import make_job

pytestmark = pytest.mark.django_db

LEASE = timedelta(seconds=45)
INTERVAL = timedelta(seconds=0.1)  # between two claims of a watcher, in the time of these tests


def make_running(user, number: int, **fields) -> list[Job]:
    """Make many running jobs at once, as copies of one."""
    first = make_job(user, status=Status.RUNNING, **fields)
    holds, jobs = [], [first]
    for _ in range(number - 1):
        job, hold = copy(first), copy(first.hold)
        job.pk, job.prediction_id = uuid4(), uuid4().hex
        hold.pk, hold.reference = None, job.pk
        holds.append(hold)
        jobs.append(job)
    for job, hold in zip(jobs[1:], Hold.objects.bulk_create(holds), strict=True):
        job.hold = hold
    Job.objects.bulk_create(jobs[1:])
    return jobs


def answer(job: Job, status: str = "processing", **fields) -> Answered:
    known = {"id": job.prediction_id, "model": "", "status": status, "outputs": (), "error": "", "code": None}
    rest = {"has_nsfw": False, "created_at": "", "inputs": None, "execution_ms": None}
    return Answered(job=job, prediction=Prediction(**(known | rest | fields)))


def claim(now: datetime | None = None, most: int = 100) -> list[Job]:
    return Job.objects.claim(now or clock.now(), LEASE, most)


# --- claims -----------------------------------------------------------------------------------------------------------


def test_a_claimed_job_is_claimed_again_only_after_its_lease(alice):
    make_running(alice, 3)
    now = clock.now()

    assert len(claim(now, most=2)) == 2
    assert len(claim(now)) == 1
    assert claim(now) == []
    assert len(claim(now + LEASE)) == 3


def test_what_is_due_is_told_by_one_cheap_question(alice, django_assert_num_queries):
    assert not following.due_now()
    job = make_job(alice, status=Status.RUNNING, due_at=timezone.now() + timedelta(minutes=1))
    assert not following.due_now()

    Job.objects.filter(pk=job.pk).nudge(timezone.now() - timedelta(milliseconds=2))

    with django_assert_num_queries(1):
        assert following.due_now()


def test_a_claim_takes_a_fixed_number_of_queries(alice, django_assert_num_queries):
    make_running(alice, 20)
    now = clock.now()

    with django_assert_num_queries(1):
        jobs = claim(now)
    with django_assert_num_queries(0):
        assert all(job.prediction_id and job.submitted_at and job.due_at == now + LEASE for job in jobs)


@pytest.mark.django_db(transaction=True)
def test_watchers_that_claim_at_once_share_the_jobs(alice):
    jobs = make_running(alice, 60)

    assert sorted(claimed_by_four(claim_all)) == sorted(job.pk for job in jobs)


@pytest.mark.django_db(transaction=True)
def test_without_the_lock_they_would_ask_twice(alice):
    make_running(alice, 60)
    barrier = threading.Barrier(4)

    def claim_naively() -> list[Job]:
        now = clock.now()
        jobs = list(Job.objects.due(now))
        barrier.wait(30)
        Job.objects.filter(pk__in=[job.pk for job in jobs]).update(due_at=now + LEASE)
        return jobs

    assert len(claimed_by_four(claim_naively)) == 4 * 60


def claim_all() -> list[Job]:
    """Claim seven at a time until there is nothing."""
    jobs: list[Job] = []
    while following.due_now():
        jobs += claim(most=7)
    return jobs


def claimed_by_four(step: Callable[[], list[Job]]) -> list[object]:
    """Return the ids that four threads claim, each time that one is claimed."""
    found: list[object] = []
    barrier = threading.Barrier(4)

    def run() -> None:
        barrier.wait(30)
        found.extend(job.pk for job in step())
        connection.close()  # this thread's own

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


# --- fairness ---------------------------------------------------------------------------------------------------------


def test_ten_fresh_jobs_are_not_starved_by_a_thousand_stuck_ones(alice, monkeypatch):
    assert late_looks(alice, monkeypatch) == 0


def test_the_longest_overdue_first_would_starve_them(alice, monkeypatch):
    def claim_in_line(self: JobQuerySet, now: datetime, lease: timedelta, most: int) -> list[Job]:
        jobs = list(self.due(now).order_by("due_at")[:most])
        self.filter(pk__in=[job.pk for job in jobs]).update(due_at=now + lease)
        for job in jobs:
            job.due_at = now + lease
        return jobs

    monkeypatch.setattr(JobQuerySet, "claim", claim_in_line)
    assert late_looks(alice, monkeypatch) > 10


def late_looks(user, monkeypatch) -> int:
    """Follow 1,000 stuck and 10 fresh jobs for six seconds with too small a budget; count late looks at fresh ones.

    Late is more than twice their interval after the last look. Time is made up. All stuck ones are overdue, as after a
    pause of the watcher.
    """
    now = timezone.now()
    minutes = timedelta(minutes=5)
    make_running(user, 1000, submitted_at=now - minutes, due_at=now - timedelta(minutes=1), pace=80.0)
    almost = timedelta(seconds=57)
    fresh = {job.pk for job in make_running(user, 10, submitted_at=now - almost, due_at=now, pace=1.0)}
    late = 0
    for _ in range(60):
        now += INTERVAL
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        waiting = {job.pk: job for job in Job.objects.filter(pk__in=fresh)}
        overdue = [job for job in waiting.values() if now > job.due_at + timedelta(seconds=job.pace) + INTERVAL]
        late += len(overdue)
        services.keep_waiting(answer(job) for job in claim(now, most=3))
    return late


def test_who_is_nudged_comes_before_everybody(alice):
    make_running(alice, 20, due_at=timezone.now() - timedelta(minutes=1), pace=1.0)
    nudged = make_job(alice, status=Status.RUNNING, due_at=timezone.now() + timedelta(minutes=1), pace=75.0)

    assert Job.objects.filter(pk=nudged.pk).nudge(clock.now()) == 1

    assert claim(most=1) == [nudged]


# --- write-back -------------------------------------------------------------------------------------------------------


def test_answers_are_written_back_together(alice, django_assert_max_num_queries):
    make_running(alice, 30)
    jobs = claim()

    with django_assert_max_num_queries(5):
        services.keep_waiting(answer(job) for job in jobs)

    for job in Job.objects.all():
        assert job.due_at == pytest.approx(clock.now() + timedelta(seconds=job.pace), abs=timedelta(seconds=30))
        assert (job.polls, job.attempts, job.odd_status) == (1, 0, "")


def test_many_ends_are_written_down_together(alice, django_assert_max_num_queries):
    jobs = make_running(alice, 30)
    jobs[0].prediction_id = "another"
    predictions = {job.pk: answer(job, "completed", outputs=("https://cdn.example/x.mp4",)).prediction for job in jobs}

    with django_assert_max_num_queries(7):  # the time, look, move, events and hints, in a savepoint of the test
        services.made(predictions)
    services.made(predictions)

    assert Job.objects.filter(status=Status.COLLECTING, polls=1, collecting_at__isnull=False).count() == 29
    assert Job.objects.get(status=Status.RUNNING).pk == jobs[0].pk
    assert JobEvent.objects.filter(from_status=Status.RUNNING, to_status=Status.COLLECTING).count() == 29
    assert sorted(hint.args()[0] for hint in OrmQ.objects.all()) == sorted(str(job.pk) for job in jobs[1:])


def test_many_that_are_late_are_marked_together_and_each_owner_is_told(alice, bob, django_assert_max_num_queries):
    submitted_at = clock.now() - timedelta(minutes=11)
    choose_mails(bob, done=False, failed=True, late=False)
    make_running(alice, 30, submitted_at=submitted_at)
    make_running(bob, 2, submitted_at=submitted_at)
    answers = [answer(job) for job in claim()]

    with django_assert_max_num_queries(10):  # the time, look, mark, events, choices and notices, in savepoints
        services.heed(answers)
    services.heed(answers)

    assert Job.objects.filter(late_at__isnull=False).count() == 32
    assert JobEvent.objects.filter(note__contains="time limit", to_status=Status.RUNNING).count() == 32
    told = JobNotice.objects.values_list("kind", "job__user")
    assert list(told) == [(JobNotice.Kind.LATE, alice.pk)] * 30


def nudged_while_asked(user) -> tuple[Job, datetime]:
    """Return a job whose webhook comes while an older answer is on its way, and when that was."""
    make_running(user, 1)
    (job,) = claim()
    moment = clock.now()
    Job.objects.filter(pk=job.pk).nudge(moment)
    services.keep_waiting([answer(job)])
    return Job.objects.get(), moment


def test_an_older_answer_does_not_take_back_a_nudge(alice):
    job, moment = nudged_while_asked(alice)

    assert job.due_at == moment


def test_without_the_look_at_the_lease_it_would(alice, monkeypatch):
    monkeypatch.setattr(following, "_WAIT", following._WAIT.replace("due_at = %s\n", "%s IS NOT NULL\n"))

    job, moment = nudged_while_asked(alice)

    assert job.due_at > moment


def test_who_comes_back_after_the_lease_does_not_disturb_who_took_over(alice):
    make_running(alice, 1)
    now = clock.now()
    (slow,) = claim(now)
    (quick,) = claim(now + LEASE)

    services.keep_waiting([answer(slow)])

    job = Job.objects.get()
    assert (job.due_at, job.polls) == (quick.due_at, 0)


@pytest.mark.parametrize(
    "error", [Unavailable("slow down", retry_after=120.0, status=429), Unavailable("x", retry_after=120)]
)
def test_it_is_not_asked_again_before_the_provider_wishes(alice, error):
    job = make_job(alice, status=Status.RUNNING)

    services.keep_waiting([Answered(job=job, error=error)])

    job.refresh_from_db()
    assert job.due_at > clock.now() + timedelta(seconds=100)


def test_questions_without_an_answer_are_counted_until_one_comes(alice):
    job = make_job(alice, status=Status.RUNNING)

    for error in (Unavailable("away"), NotFound("gone")):
        services.unreachable(job.pk, error)
    job.refresh_from_db()
    assert job.attempts == 2

    services.polled(job.pk, answer(job).prediction)
    job.refresh_from_db()
    assert (job.attempts, job.polls) == (0, 3)


@pytest.mark.parametrize(
    ("status", "odd"),
    [("created", ""), ("processing", ""), ("pondering", "pondering"), ("", "none"), ("x" * 99, "x" * 40)],
)
def test_a_status_that_nobody_knows_is_kept_on_its_job(alice, status, odd):
    job = make_job(alice, status=Status.RUNNING)

    services.polled(job.pk, answer(job, status).prediction)

    job.refresh_from_db()
    assert (job.status, job.odd_status) == (Status.RUNNING, odd)


def test_a_status_that_nobody_knew_is_forgotten_when_a_known_one_comes(alice):
    job = make_job(alice, status=Status.RUNNING, odd_status="pondering")

    services.polled(job.pk, answer(job).prediction)

    job.refresh_from_db()
    assert job.odd_status == ""
