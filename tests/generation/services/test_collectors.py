"""Several collectors and one video: who was overtaken takes nothing from the next, and who dies is counted."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold
from generation import services, storage
from generation.models import Job, JobEvent, JobNotice, Status
from generation.services import collecting, leases, sweeping
from tests.engine import run
from tests.generation.services.test_bills import many_failed
from tests.generation.services.test_leases import expire_leases, killed_at, made_and_handed, raising
from tests.make import ACTOR, make_job
from tests.processes import wait_until

pytestmark = pytest.mark.django_db


def hand_again() -> None:
    """Let what was begun be given up and become due, and hand it over again."""
    expire_leases()
    Job.objects.update(due_at=timezone.now())
    services.sweep()


# --- Who was overtaken ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [storage.Interrupted("cut"), storage.NotAVideo("HTML"), storage.OutputGone("HTTP 404"), RuntimeError("anything")],
    ids=lambda error: type(error).__name__,
)
def test_a_collector_that_lost_its_lease_takes_nothing_from_the_next(sandbox, alice, monkeypatch, error):
    job = made_and_handed(alice, monkeypatch)
    Job.objects.update(bad_files=2)

    def overtaken(*_):
        hand_again()
        assert collecting._claim(job.pk)
        before.append(Job.objects.values().get())
        raise error

    before: list[dict[str, object]] = []
    with monkeypatch.context() as patch:
        patch.setattr(storage, "keep", overtaken)
        services.collect(job.pk)

    assert Job.objects.values().get() == before[0]
    assert Hold.objects.get().state == Hold.State.HELD
    expire_leases()
    assert run(job).status == Status.SUCCEEDED


def test_who_looked_before_another_took_it_does_not_take_what_was_handed_over_since(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    pause = collecting._pause

    def overtaken(attempts: int) -> timedelta:
        monkeypatch.setattr(collecting, "_pause", pause)
        assert collecting._claim(job.pk).attempts == 1
        hand_again()
        return pause(attempts)

    monkeypatch.setattr(collecting, "_pause", overtaken)  # after the look, before it is taken
    assert collecting._claim(job.pk) is None
    assert collecting._claim(job.pk).attempts == 2, "else two would have the same number, and each the other's job"


@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_also_after_the_database_was_away_once(alice, monkeypatch, settings):
    settings.HAND_LEASE = 0.4
    job = make_job(alice, status=Status.COLLECTING)
    ours = Job.objects.filter(pk=job.pk)
    until, tries = leases.until, []

    def fail_once(now):
        tries.append(now)
        if len(tries) == 1:
            raise OperationalError("the database system is starting up")
        return until(now)

    monkeypatch.setattr(leases, "until", fail_once)
    with leases.renewed(ours, at_most=60):
        wait_until(lambda: Job.objects.get().lease_until, "a renewed lease")


# --- Who dies ---------------------------------------------------------------------------------------------------------


def test_an_output_that_kills_its_workers_is_counted_and_comes_after_longer_and_longer_pauses(
    sandbox, alice, monkeypatch
):
    job = made_and_handed(alice, monkeypatch)
    pauses = []
    for times in range(1, 13):
        killed_at(monkeypatch, "generation.storage.keep", lambda: services.collect(job.pk))
        job.refresh_from_db()
        assert job.attempts == times
        pauses.append(job.due_at - job.lease_until)  # the lease is always as long
        expire_leases()
        services.sweep()
        job.refresh_from_db()
        assert job.handed_at is None, "handed over before its time"
        hand_again()

    assert pauses == sorted(pauses)
    assert pauses[-1] > timedelta(minutes=8)
    assert run(job).status == Status.SUCCEEDED


def test_a_collector_that_dies_behind_the_job_s_end_leaves_its_files_to_the_sweep(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    killed_at(monkeypatch, "generation.services.collecting._finish", lambda: services.collect(job.pk))
    hand_again()
    monkeypatch.setattr(storage, "keep", raising(storage.OutputGone("HTTP 404")))
    killed_at(monkeypatch, "generation.services.collecting.discard_of_ended", lambda: services.collect(job.pk))
    assert Job.objects.get().status == Status.FAILED
    assert default_storage.exists(f"videos/{job.pk}.mp4")

    services.remove_what_is_left()

    assert not default_storage.exists(f"videos/{job.pk}.mp4")
    assert not default_storage.exists(f"posters/{job.pk}.jpg")


def test_files_of_what_failed_are_looked_for_until_nobody_can_store_any_more(alice, monkeypatch):
    now = timezone.now()
    make_job(alice, status=Status.FAILED)  # no video was ever made
    long_ago = make_job(alice, status=Status.FAILED, collecting_at=now, finished_at=now - timedelta(hours=2))
    fresh = make_job(alice, status=Status.FAILED, collecting_at=now)
    looked_for = []
    monkeypatch.setattr(storage, "discard", looked_for.append)

    for _ in range(3):
        services.remove_what_is_left()

    assert sorted(map(str, looked_for)) == sorted(map(str, [long_ago.pk] + [fresh.pk] * 3))


def test_of_many_that_failed_at_once_all_are_looked_for(alice, monkeypatch):
    job = make_job(alice, status=Status.FAILED, collecting_at=timezone.now())
    many_failed(job, 249)
    looked_for = []
    monkeypatch.setattr(storage, "discard", looked_for.append)

    for _ in range(3):
        services.remove_what_is_left()

    assert set(looked_for) == set(Job.objects.values_list("pk", flat=True))


def overtake(job, monkeypatch, then=lambda: None):
    """Have another collector save the job while the next one is about to store its file."""
    keep = storage.keep

    def overtaken(*args):
        monkeypatch.setattr(storage, "keep", keep)
        hand_again()
        services.collect(job.pk)
        then()
        return keep(*args)

    monkeypatch.setattr(storage, "keep", overtaken)


def test_who_was_overtaken_leaves_no_file_of_a_job_that_was_saved_and_deleted(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    overtake(job, monkeypatch, then=lambda: services.delete(job.pk, by=ACTOR))
    services.collect(job.pk)

    assert Job.objects.get().status == Status.SUCCEEDED
    assert not default_storage.exists(f"videos/{job.pk}.mp4")
    assert not default_storage.exists(f"posters/{job.pk}.jpg")


def test_a_collector_that_comes_too_late_leaves_the_files_of_a_job_that_is_kept(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    overtake(job, monkeypatch)
    services.collect(job.pk)

    assert default_storage.exists(f"videos/{job.pk}.mp4")


# --- What takes long --------------------------------------------------------------------------------------------------


def test_what_takes_long_to_be_saved_is_late_once(alice):
    now = timezone.now()
    in_time = make_job(alice, status=Status.COLLECTING, lease_until=now + timedelta(minutes=1))
    job = make_job(
        alice,
        status=Status.COLLECTING,
        lease_until=now + timedelta(minutes=1),
        submitted_at=now - timedelta(minutes=11),
    )

    assert services.sweep() == services.sweep() == 0

    assert list(Job.objects.filter(late_at__isnull=False)) == [job]
    assert JobEvent.objects.filter(note__contains="time limit").count() == 1
    assert list(JobNotice.objects.values_list("job", "kind")) == [(job.pk, JobNotice.Kind.LATE)]
    in_time.refresh_from_db()
    assert in_time.late_at is None


def test_busy_collectors_are_not_told_again_and_again(alice):
    jobs = [make_job(alice, status=Status.COLLECTING) for _ in range(3)]
    for _ in range(10):
        expire_leases()
        services.sweep()

    assert OrmQ.objects.count() == 3
    assert JobEvent.objects.filter(note__startswith="Handed").count() == 3
    Job.objects.filter(pk=jobs[0].pk).update(handed_at=timezone.now() - timedelta(minutes=16))
    expire_leases()
    services.sweep()
    assert OrmQ.objects.count() == 4, "after so long its hint is thought lost"
    OrmQ.objects.all().delete()
    expire_leases()
    services.sweep()
    assert OrmQ.objects.count() == 3, "there was none that waits"


def test_what_a_worker_has_taken_and_let_fall_is_handed_over_while_others_wait(alice):
    make_job(alice, status=Status.COLLECTING)
    taken = make_job(alice, status=Status.COLLECTING)
    services.sweep()
    Job.objects.filter(pk=taken.pk).update(handed_at=None)
    expire_leases()

    assert services.sweep() == 1
    assert OrmQ.objects.count() == 3


def test_what_was_taken_and_given_back_while_the_sweep_looked_is_in_nobody_s_hands(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    expire_leases()

    def meanwhile(cluster: str) -> bool:
        taken = collecting._claim(job.pk)
        collecting._again_later(taken, "Cut: it was.")
        return True

    monkeypatch.setattr(sweeping, "any_waits", meanwhile)
    assert services.sweep() == 0

    job.refresh_from_db()
    assert (job.handed_at, job.lease_until) == (None, None)
