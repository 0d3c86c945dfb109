"""Why the worker is no plain cluster: the same process of both is killed -9, and only ours goes on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import psutil
import pytest
from django.db import transaction
from django.utils import timezone
from django_q.models import OrmQ
from django_q.tasks import async_task

from generation.models import Heartbeat
from generation.services.dispatching import SUBMIT_CLUSTER
from tests.chaos.plain import complete, plain_cluster
from tests.processes import Engine, engine, is_alive, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.any_database]

_PLAIN = "plain"  # a queue of its own
_OURS = SUBMIT_CLUSTER
_OURS_DOES = 20  # hints, one after the other: so long the plain one is given
_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Our worker and a plain cluster, each with one child, which have both shown that they work."""

    rig: Engine
    leader: psutil.Process  # of the plain one


@pytest.fixture
def pair(tmp_path) -> Iterator[Pair]:
    for name in (_PLAIN, _OURS):
        Heartbeat.objects.create(name=name)
    # Without a watcher: nobody gives hints but the test. One child: when idle, it owns the queue for sure.
    with (
        engine("http://127.0.0.1:9", WORKERS="1") as rig,
        plain_cluster(_PLAIN, rig.environment, tmp_path / "plain.log") as leader,
    ):
        rig.start("worker")
        complete(leader)
        rig.cluster(_OURS)
        for name in (_PLAIN, _OURS):
            do(name)
        yield Pair(rig=rig, leader=leader)


def hint(name: str) -> OrmQ:
    """Ask for a sign of life."""
    Heartbeat.objects.filter(name=name).update(beat_at=None)
    with transaction.atomic():  # nobody takes it before we know it
        async_task("generation.tasks.beat", name, cluster=name)
        return OrmQ.objects.filter(key=name).latest("pk")


def was_run(name: str) -> bool:
    return Heartbeat.objects.filter(name=name, beat_at__isnull=False).exists()


def is_acknowledged(waiting: OrmQ) -> bool:
    return not OrmQ.objects.filter(pk=waiting.pk).exists()


def do(name: str) -> None:
    """Have a hint run and acknowledged."""
    waiting = hint(name)
    wait_until(lambda: is_acknowledged(waiting), f"{name} acknowledges a hint")
    assert was_run(name)


def let_retry_pass(waiting: OrmQ) -> None:
    """Let the time pass after which a hint that nobody acknowledged is given again."""
    Heartbeat.objects.filter(name=waiting.key).update(beat_at=None)
    OrmQ.objects.filter(pk=waiting.pk).update(lock=timezone.now() - timedelta(seconds=1))


def test_kill_9_of_the_monitor_and_ours_acknowledges_while_the_plain_one_runs_a_hint_for_ever(pair):
    ours, theirs = pair.rig.cluster(_OURS), complete(pair.leader)
    for cluster in (ours, theirs):
        cluster.monitor.kill()
    do(_OURS)  # also what was run just before the group ended, and is owed
    wait_until(lambda: not is_alive(ours.leader), "our group ended")
    wait_until(lambda: complete(pair.leader).monitor.pid != theirs.monitor.pid, "another monitor of the plain one")

    for _ in range(_OURS_DOES):
        do(_OURS)
    waiting = hint(_PLAIN)
    for _ in range(4):
        wait_until(lambda: was_run(_PLAIN), "the plain one runs the hint")
        do(_OURS)
        assert not is_acknowledged(waiting)
        let_retry_pass(waiting)
    assert looks_healthy(pair.leader)


def test_kill_9_of_an_idle_child_and_ours_goes_on_while_the_plain_one_is_frozen(pair):
    ours = pair.rig.cluster(_OURS)
    ours.workers[0].kill()
    wait_until(lambda: not is_alive(ours.leader), "our group ended")
    do(_OURS)

    # A child that was killed just before it waited again owned nothing, and the next is killed.
    assert any(is_frozen_by_a_kill(pair.leader) for _ in range(_TRIES))
    assert looks_healthy(pair.leader)


def is_frozen_by_a_kill(leader: psutil.Process) -> bool:
    """Kill the idle child, and say whether a hint that was fetched afterwards lies there, while ours does many."""
    victim = complete(leader).workers[0]
    wait_until(lambda: victim.status() == psutil.STATUS_SLEEPING, "an idle child")
    victim.kill()
    wait_until(lambda: complete(leader).workers[0].pid != victim.pid, "another child")
    waiting = hint(_PLAIN)
    wait_until(lambda: is_acknowledged(waiting) or is_fetched(waiting), "the hint is fetched")
    for _ in range(_OURS_DOES):
        do(_OURS)
    return not is_acknowledged(waiting) and not was_run(_PLAIN)


def is_fetched(waiting: OrmQ) -> bool:
    return OrmQ.objects.filter(pk=waiting.pk, lock__gt=timezone.now() + timedelta(seconds=60)).exists()


def looks_healthy(leader: psutil.Process) -> bool:
    """Say whether nobody is missing and everybody lives."""
    cluster = complete(leader)
    return all(map(is_alive, (leader, cluster.sentinel, *cluster.workers, cluster.monitor, cluster.pusher)))
