"""kill -9 of real processes at the moments that matter: one submission, one charge, nothing lost."""

from datetime import timedelta
from itertools import pairwise

import pytest
from django.db.models import F

from billing.ledger import differences
from billing.models import Hold
from generation import services
from generation.models import FINAL, Job, Status
from generation.services.collecting import COLLECT_CLUSTER
from generation.services.dispatching import SUBMIT_CLUSTER
from tests.make import ACTOR, make_plan, make_spec, make_user
from tests.processes import engine, is_alive, wait_for_life, wait_until
from tests.sandbox import running_sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def sandbox(settings):
    with running_sandbox(seconds=0.5) as sandbox:
        settings.WAVESPEED_URL = sandbox.url
        yield sandbox


def order(prompt: str = "A red fox in snow", number: int = 1) -> list[Job]:
    user = make_user(plan=make_plan())
    return [services.create(user, make_spec(f"{prompt} {n}"), by=ACTOR) for n in range(number)]


def status(job: Job) -> str:
    return Job.objects.get(pk=job.pk).status


def all_final() -> bool:
    return not Job.objects.exclude(status__in=FINAL).exists()


def assert_paid_once_each(sandbox, number: int) -> None:
    assert set(Job.objects.values_list("status", flat=True)) == {Status.SUCCEEDED}
    stats = sandbox.stats()
    assert stats["submissions"] == number
    assert len({p["prompt"] for p in stats["predictions"]}) == number
    assert Hold.objects.filter(state=Hold.State.SETTLED).count() == number
    assert not list(differences())


@pytest.mark.parametrize("moment", [Status.QUEUED, Status.RUNNING, Status.COLLECTING])
def test_the_worker_is_killed_while_a_job_is(sandbox, moment):
    fault = "[fault:slow_drip=2]" if moment == Status.COLLECTING else ""
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        if moment == Status.QUEUED:
            rig.kill("worker")
        job = order(f"A red fox {fault}")[0]
        wait_until(lambda: status(job) == moment, moment)
        if moment == Status.QUEUED:
            wait_until(lambda: Job.objects.filter(handed_at__isnull=False).exists(), "handed over")
        else:
            rig.kill("worker")
        rig.start("worker")
        wait_until(all_final, "the end")
    assert_paid_once_each(sandbox, 1)


def test_the_watcher_is_killed_at_any_time(sandbox):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        order(number=12)
        for done in (1, 4, 8):
            wait_until(lambda least=done: Job.objects.filter(status__in=FINAL).count() >= least, f"{done} done")
            rig.kill("watch")
            rig.start("watch")
        wait_until(all_final, "the end")
    assert_paid_once_each(sandbox, 12)


def test_killed_during_the_post_the_job_stands_unknown_with_its_hold(sandbox):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        job = order("A red fox [fault:hang=30]")[0]
        wait_until(lambda: sandbox.stats()["submissions"] == 1, "accepted")
        rig.kill("worker")
        Job.objects.filter(pk=job.pk).update(lease_until=F("created_at"))
        rig.start("worker")
        wait_until(lambda: status(job) == Status.UNKNOWN, "unknown")
        other = order("Another fox")[0]
        wait_until(lambda: status(other) == Status.SUCCEEDED, "another job")
    assert status(job) == Status.UNKNOWN
    assert Job.objects.get(pk=job.pk).hold.state == Hold.State.HELD
    assert sandbox.stats()["submissions"] == 2  # one each


def test_workers_that_are_away_longer_than_the_lease_find_the_jobs_waiting(sandbox):
    with engine(sandbox.url, HAND_LEASE="0.3") as rig:
        rig.start("watch")
        jobs = order(number=3)
        wait_until(lambda: not Job.objects.filter(lease_until=None).exists(), "handed over")
        much_later = max(Job.objects.values_list("lease_until", flat=True)) + timedelta(seconds=1)
        wait_until(lambda: not Job.objects.exclude(lease_until__gt=much_later).exists(), "three leases")
        assert set(Job.objects.values_list("status", flat=True)) == {Status.QUEUED}
        for job in jobs:  # no hint for each lease, or a pile would wait for the workers
            told = job.events.filter(note="Handed to a worker.").order_by("at").values_list("at", flat=True)
            assert all(later - earlier > timedelta(seconds=0.6) for earlier, later in pairwise(told))
        rig.kill("watch")
        rig.environment["HAND_LEASE"] = "60"
        rig.start("watch", "worker")
        wait_until(all_final, "the end")
    assert_paid_once_each(sandbox, 3)


VICTIMS = {
    "leader": lambda cluster: cluster.leader,
    "sentinel": lambda cluster: cluster.sentinel,
    "monitor": lambda cluster: cluster.monitor,
    "pusher": lambda cluster: cluster.pusher,
    "child": lambda cluster: cluster.workers[0],
}


@pytest.mark.any_database
@pytest.mark.parametrize("victim", sorted(VICTIMS))
def test_whichever_idle_process_of_a_cluster_is_killed_work_goes_on(sandbox, victim):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        before = rig.cluster(SUBMIT_CLUSTER)
        VICTIMS[victim](before).kill()
        wait_until(lambda: not is_alive(before.leader), "the group ended")
        order(number=4)
        wait_until(all_final, "the end")
    assert_paid_once_each(sandbox, 4)


@pytest.mark.any_database
@pytest.mark.parametrize(("here", "there"), [("sentinel", "monitor"), ("pusher", "child")])
def test_a_group_in_which_something_has_stopped_ends_and_is_started_anew(sandbox, here, there):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        groups = [rig.cluster(SUBMIT_CLUSTER), rig.cluster(COLLECT_CLUSTER)]
        for cluster, victim in zip(groups, (here, there), strict=True):
            VICTIMS[victim](cluster).suspend()
        jobs = order(number=2)
        for cluster in groups:
            wait_until(lambda leader=cluster.leader: not is_alive(leader), f"{cluster.name} ended")
        wait_until(all_final, "the end")
    assert_paid_once_each(sandbox, len(jobs))


@pytest.mark.any_database
def test_sigterm_lets_work_in_hand_finish(sandbox):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        job = order("A red fox [fault:hang=1]")[0]
        wait_until(lambda: sandbox.stats()["submissions"] == 1, "accepted")
        rig.stop()
    assert status(job) == Status.RUNNING
