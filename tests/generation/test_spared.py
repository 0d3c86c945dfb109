"""One job, row or question that goes wrong keeps no other waiting: the real loop, and a provider over HTTP."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection, transaction
from django.db.models import Model
from django.utils import timezone

from billing import services as billing
from billing.models import Grant, Hold, Period
from billing.money import Amount
from generation import following, rounds, services
from generation.models import Alert, Gate, Job, JobQuerySet, Status
from generation.pacing import Budget
from generation.providers.errors import RefusedForAccount
from generation.services import Answered, polling, sparing
from generation.services import provider as provider_module
from generation.services.ending import end_some, hold_claims
from generation.supervisor import Signs
from tests.generation.provider import fails, goes_on, hangs, is_made, refuses, running_provider
from tests.generation.services.test_following import answer, make_running
from tests.generation.test_watcher import watch_until
from tests.make import ACTOR, make_job, make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_has_failed(monkeypatch) -> None:
    monkeypatch.setattr(sparing, "_failed", {})


@pytest.fixture
def provider(settings) -> Iterator[object]:
    behaviours = {"ok": goes_on, "fails": fails, "made": is_made, "hangs": hangs, "refused": refuses(401)}
    with running_provider(**behaviours) as running:
        settings.WAVESPEED_URL = running.url
        yield running


def make(user, prediction_id: str, **fields) -> Job:
    return make_job(user, status=Status.RUNNING, prediction_id=prediction_id, **fields)


def has(job: Job, status: Status) -> bool:
    return Job.objects.filter(pk=job.pk, status=status).exists()


def drift(job: Job) -> None:
    """Let the sums of a job's period say less than its hold, which can then not be given back."""
    Period.objects.filter(pk=job.hold.period_id).update(videos_held=0)


def test_an_end_that_cannot_be_written_down_harms_no_other_and_is_told_once(provider, alice, bob):
    poisoned = [make(bob, f"fails-{number}") for number in (1, 2)]
    drift(poisoned[0])
    failed, made = make(alice, "fails-3"), make(alice, "made-1")

    watch_until(lambda: has(failed, Status.FAILED) and has(made, Status.COLLECTING) and Alert.objects.exists())

    alert = Alert.objects.get()
    assert (alert.kind, alert.subject) == (Alert.Kind.ENGINE, "The watcher could not end a job")
    assert any(str(job.pk) in alert.text for job in poisoned)


def test_an_end_that_cannot_be_written_down_keeps_no_other_of_its_owner_waiting(alice):
    poisoned, *others = (make(alice, f"fails-{number}") for number in range(4))
    Hold.objects.filter(pk=poisoned.hold_id).update(videos=10**6)  # more than its period holds

    assert end_some([answer(job, "failed") for job in (poisoned, *others)], seconds=60) == []

    assert [has(job, Status.FAILED) for job in (poisoned, *others)] == [False, True, True, True]


def test_a_video_that_cannot_be_handed_over_harms_no_other(provider, alice, monkeypatch):
    odd, made = make(alice, "made-1"), make(alice, "made-2")
    hand_over = following._made

    def fail(items) -> None:
        if odd.pk in dict(items):
            raise ValueError("nobody foresaw this")
        hand_over(items)

    monkeypatch.setattr(following, "_made", fail)

    watch_until(lambda: has(made, Status.COLLECTING))

    assert has(odd, Status.RUNNING)


def test_a_row_that_cannot_be_swept_keeps_nothing_else_from_its_turn(alice, bob):
    poisoned, closed = make_job(bob), make_job(make_user())
    drift(poisoned)
    for job in (poisoned, closed):
        job.user.is_active = False
        job.user.save()
    queued = make_job(alice)

    rounds.Rounds(Budget(rate=10)).turn()

    assert has(closed, Status.CANCELED)
    assert has(poisoned, Status.QUEUED)
    assert Job.objects.get(pk=queued.pk).handed_at
    assert Alert.objects.get().subject == "The watcher could not cancel a job"


def test_a_grant_that_cannot_end_keeps_no_other_from_it_nor_the_dispatch(alice, bob, monkeypatch):
    now = timezone.now()
    amount, until = Amount(spend=5, videos=0, seconds=0), now - timedelta(minutes=1)
    odd, sound = (
        billing.grant(user, amount, reason="Sorry.", now=now - timedelta(minutes=2), by=ACTOR, expires_at=until)
        for user in (bob, alice)
    )
    Grant.objects.filter(pk=odd.pk).update(spend=10**9)  # more than its period was granted
    queued = make_job(alice)

    rounds.Rounds(Budget(rate=10)).turn()

    assert Grant.objects.get(expired_at__isnull=False) == sound
    assert Job.objects.get(pk=queued.pk).handed_at


def test_fresh_jobs_are_asked_about_while_hundreds_of_questions_hang(provider, alice, monkeypatch):
    monkeypatch.setattr(provider_module, "_LOOK_TIMEOUT", 300)  # none of them ends before the test does
    now = timezone.now()
    for number, job in enumerate(make_running(alice, 400, attempts=1, pace=60.0, due_at=now - timedelta(minutes=2))):
        Job.objects.filter(pk=job.pk).update(prediction_id=f"hangs-{number}")
    fresh = [f"ok-{number}" for number in range(10)]
    for name in fresh:
        make(alice, name, expected_seconds=0.5, due_at=now + timedelta(seconds=1))

    def seen() -> bool:
        asked = provider.counts
        done = all(asked[name] >= 3 for name in fresh)
        if done:
            provider.let_go.set()
        return done

    watch_until(seen)

    assert len(provider.counts) > 100


@pytest.mark.parametrize(
    "too_much",
    [refuses(429), refuses(429, Retry_After="1"), refuses(200, code=429), refuses(200, code=429, Retry_After="1")],
    ids=["HTTP", "HTTP with a wish", "envelope", "envelope with a wish"],
)
def test_too_many_requests_pause_all_questions(provider, alice, monkeypatch, too_much):
    provider.behaviours["ok"] = too_much
    pauses: list[float] = []
    pause = Budget.pause

    def spy(self, now, seconds) -> None:
        pauses.append(seconds)
        pause(self, now, seconds)

    monkeypatch.setattr(Budget, "pause", spy)
    make(alice, "ok-1")

    watch_until(lambda: bool(pauses))

    assert pauses[0] == 1


def test_a_refused_account_is_told_once_and_loads_no_pages(provider, alice):
    make(alice, "refused-1")
    make(alice, "refused-2")

    watch_until(lambda: Gate.objects.filter(closed_at__isnull=False).exists())

    assert Alert.objects.get().page == "admin:generation_gate_changelist"


@contextmanager
def locked(row: Model) -> Iterator[None]:
    """Hold a row, as somebody does who has forgotten to commit."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(f"SELECT 1 FROM {row._meta.db_table} WHERE id = %s FOR UPDATE", [row.pk])
        yield


@pytest.mark.postgres
def test_a_lock_on_one_user_s_row_keeps_nobody_else_waiting(provider, alice, bob):
    waiting = [make(bob, f"fails-{number}") for number in range(3)]
    with locked(waiting[0].hold.period):
        failed, made = make(alice, "fails-3"), make(alice, "made-1")
        going_on = make(alice, "ok-1", expected_seconds=0.5)

        watch_until(
            lambda: (
                has(made, Status.COLLECTING)
                and has(failed, Status.FAILED)
                and provider.counts[going_on.prediction_id] >= 3
            )
        )

        assert all(has(job, Status.RUNNING) for job in waiting)
    assert not Alert.objects.exists()  # nothing is wrong with it


@contextmanager
def bounded_locks(milliseconds: int) -> Iterator[None]:
    """Let this thread wait for a lock for so long, as the watcher's do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [str(milliseconds)])
        yield
        cursor.execute("SELECT set_config('lock_timeout', '0', false)")


@pytest.mark.postgres
def test_a_locked_job_keeps_no_claim_of_another_from_being_held(alice):
    now = timezone.now()
    make_running(alice, 3, due_at=now)
    claimed = [Answered(job=job) for job in Job.objects.claim(now, timedelta(seconds=1), 10)]

    with locked(claimed[1].job), bounded_locks(500):
        hold_claims(claimed)

    until = [Job.objects.get(pk=each.job.pk).due_at for each in claimed]
    assert [due_at > now + timedelta(seconds=30) for due_at in until] == [True, False, True]


@pytest.mark.postgres
def test_a_locked_job_whose_video_is_made_is_passed_over(alice):
    jobs = make_running(alice, 3)
    made = {job.pk: answer(job, "completed", outputs=("https://cdn.example/x.mp4",)).prediction for job in jobs}

    with locked(jobs[1]), bounded_locks(500):
        services.made(made)

    assert [has(job, Status.COLLECTING) for job in jobs] == [True, False, True]
    services.made(made)
    assert has(jobs[1], Status.COLLECTING)


@pytest.mark.postgres
def test_a_locked_gate_is_waited_for_once_and_keeps_no_job_from_its_next_look(alice):
    now = timezone.now()
    make_running(alice, 5, due_at=now)
    refused = RefusedForAccount("bad key", reason="bad key", status=401)
    answers = [Answered(job=job, error=refused) for job in Job.objects.claim(now, timedelta(seconds=45), 10)]

    with locked(services.the_gate()), bounded_locks(500):
        following._follow(answers, 0, 0)

    assert Job.objects.filter(attempts=1, due_at__lt=now + timedelta(seconds=45)).count() == 5
    assert list(sparing._failed) == [("close the Gate", "")]


def test_what_cannot_be_marked_as_late_or_given_up_is_asked_about_again_all_the_same(alice, monkeypatch):
    now = timezone.now()
    make(alice, "ok-1", due_at=now, submitted_at=now - timedelta(minutes=11))
    make(alice, "ok-2", due_at=now, submitted_at=now - timedelta(days=8))
    make(alice, "ok-3", due_at=now)

    def fail(*_, **__) -> None:
        raise ValueError("nobody foresaw this")

    monkeypatch.setattr(polling, "tell_all", fail)
    monkeypatch.setattr(polling, "differ", fail)
    following._follow([answer(job) for job in Job.objects.claim(now, timedelta(seconds=45), 10)], 0, 0)

    assert sorted(Job.objects.filter(polls=1).values_list("prediction_id", flat=True)) == ["ok-1", "ok-3"]
    assert Job.objects.filter(status=Status.RUNNING, late_at=None).count() == 3
    assert {what for what, _ in sparing._failed} == {"mark a job as late", "give a job up"}


def test_claims_that_cannot_be_held_do_not_end_the_watcher(alice, settings, monkeypatch):
    settings.POLL_LEASE = 0.1
    looks: list[int] = []

    def wait_once(ended, *, seconds):
        looks.append(len(ended))
        time.sleep(0.05)
        return ended if len(looks) < 3 else []

    def deadlock(*_) -> None:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(following, "end_some", wait_once)
    monkeypatch.setattr(JobQuerySet, "hold", deadlock)
    ends = following._Ends(Signs("ends"))
    ends.add([Answered(job=make(alice, "fails-1"))])
    ends.close()

    asyncio.run(ends.run())

    assert looks == [1, 1, 1]


def test_what_waits_to_be_written_down_keeps_its_claim_but_for_what_was_nudged(alice):
    make_running(alice, 2)
    now = timezone.now()
    nudged, kept = Job.objects.claim(now, timedelta(seconds=45), 10)
    Job.objects.filter(pk=nudged.pk).nudge(now)

    with transaction.atomic():
        Job.objects.hold([nudged.pk, kept.pk], now, now + timedelta(seconds=90))

    assert Job.objects.get(pk=nudged.pk).due_at == now
    assert Job.objects.get(pk=kept.pk).due_at == now + timedelta(seconds=90)
