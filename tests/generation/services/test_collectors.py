"""Several collectors and one video: who was overtaken takes nothing from the next, and who dies is counted."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from billing.models import Hold
from generation import services, storage
from generation.models import Job, Status
from generation.services import collecting, leases
from tests.engine import run
from tests.generation.services.test_leases import expire_leases, killed_at, made_and_handed
from tests.make import make_job
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
