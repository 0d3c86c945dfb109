"""The loop: it dispatches, asks, sweeps and beats, and one slow answer keeps nobody else waiting."""

import asyncio
import time

import pytest
from django_q.models import OrmQ

from generation import heart, watcher
from generation.models import Heartbeat, Job, Status
from tests.make import make_job

pytestmark = pytest.mark.django_db(transaction=True)


def watch_until(condition) -> None:
    """Run the watcher in this process until the condition holds."""
    deadline = time.monotonic() + 30
    seen = []

    def done() -> bool:
        assert time.monotonic() < deadline, "never came"
        return bool(seen)

    def turn_and_look(rounds, most):
        jobs = turn(rounds, most)
        if condition():
            seen.append(True)
        return jobs

    turn = watcher._Rounds.turn
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watcher._Rounds, "turn", turn_and_look)
        asyncio.run(watcher.watch(done))


def running_job(sandbox, user, prompt="A red fox") -> Job:
    """Return a job whose prediction the sandbox knows."""
    prediction = watcher.wavespeed().submit("lightricks/ltx-2-pro/text-to-video", {"prompt": prompt})
    return make_job(user, status=Status.RUNNING, prediction_id=prediction.id)


def test_it_hands_queued_jobs_over(sandbox, alice):
    make_job(alice)

    watch_until(lambda: Job.objects.filter(handed_at__isnull=False).exists())


def test_it_notices_the_end_of_a_prediction(sandbox, alice):
    running_job(sandbox, alice)

    watch_until(lambda: Job.objects.filter(status=Status.COLLECTING).exists())


def test_it_beats_and_asks_each_cluster_for_a_beat_once(sandbox, db):
    watch_until(lambda: Heartbeat.objects.count() == len(heart.BEATS))

    assert Heartbeat.objects.get(name="watcher").beat_at
    asked = [hint.args()[0] for hint in OrmQ.objects.all() if hint.func() == "generation.tasks.beat"]
    assert sorted(asked) == sorted(heart.CLUSTERS)


def test_a_provider_that_is_away_for_a_while_ends_nothing(sandbox, alice):
    job = running_job(sandbox, alice, "A red fox [fault:503_polling*2]")

    watch_until(lambda: Job.objects.filter(status=Status.COLLECTING).exists())

    assert Job.objects.get(pk=job.pk).status == Status.COLLECTING
