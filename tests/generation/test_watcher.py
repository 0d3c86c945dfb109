"""The loop: it dispatches, asks, sweeps and beats, and one slow answer keeps nobody else waiting."""

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ

from billing import services as billing
from billing.models import Grant
from billing.money import Amount
from generation import following, heart, rounds, services, tasks, watcher
from generation.models import Chore, Heartbeat, Job, Status, Watcher
from generation.pacing import Budget
from generation.providers import wavespeed as wavespeed_module
from generation.providers.answers import Answer, read_answer
from generation.services import errands
from generation.services.provider import wavespeed
from tests.generation.provider import goes_on, is_made, refuses, running_provider
from tests.make import ACTOR, make_job

pytestmark = pytest.mark.django_db(transaction=True)


def watch_until(condition) -> None:
    """Run the watcher in this process until the condition holds."""
    deadline = time.monotonic() + 60
    done, late = threading.Event(), threading.Event()

    def look() -> None:
        while not done.is_set():
            late.set() if time.monotonic() > deadline else None
            if late.is_set() or condition():
                done.set()
            time.sleep(0.02)
        connection.close()  # this thread's own

    looking = threading.Thread(target=look)
    looking.start()
    try:
        asyncio.run(watcher.watch(done.is_set))
    finally:
        done.set()
        looking.join()
    assert not late.is_set(), "never came"


def running_job(sandbox, user, prompt="A red fox") -> Job:
    """Return a job whose prediction the sandbox knows."""
    prediction = wavespeed().submit("lightricks/ltx-2-pro/text-to-video", {"prompt": prompt})
    return make_job(user, status=Status.RUNNING, prediction_id=prediction.id, expected_seconds=0.2)


def is_collecting() -> bool:
    return Job.objects.filter(status=Status.COLLECTING).exists()


def test_it_hands_queued_jobs_over(sandbox, alice):
    make_job(alice)

    watch_until(lambda: Job.objects.filter(handed_at__isnull=False).exists())


def test_it_notices_the_end_of_a_prediction(sandbox, alice):
    running_job(sandbox, alice)

    watch_until(is_collecting)


def test_it_beats_and_asks_each_cluster_for_a_beat_once(sandbox, db):
    watch_until(lambda: Heartbeat.objects.count() == len(heart.BEATS))

    assert Heartbeat.objects.get(name="watcher").beat_at
    asked = [hint.args()[0] for hint in OrmQ.objects.all() if hint.func() == "generation.tasks.beat"]
    assert sorted(asked) == sorted(heart.CLUSTERS)


def test_a_provider_that_is_away_for_a_while_ends_nothing(sandbox, alice):
    running_job(sandbox, alice, "A red fox [fault:503_polling*2]")

    watch_until(is_collecting)


def test_an_answer_that_nobody_foresaw_is_no_answer_for_its_job_alone(alice, settings, monkeypatch):
    def spoil(status: int, body: bytes, **kwargs) -> Answer:
        if b"odd-" in body:
            raise RecursionError(body)
        return read_answer(status, body, **kwargs)

    monkeypatch.setattr(wavespeed_module, "read_answer", spoil)
    with running_provider(odd=goes_on, made=is_made) as provider:
        settings.WAVESPEED_URL = provider.url
        odd, made = (make_job(alice, status=Status.RUNNING, prediction_id=name) for name in ("odd-1", "made-1"))

        watch_until(lambda: is_collecting() and Job.objects.filter(attempts__gt=0).exists())

    assert Job.objects.get(pk=odd.pk).attempts == 1
    assert Job.objects.get(pk=made.pk).status == Status.COLLECTING


def test_a_nonsensical_wish_for_patience_is_none(alice, settings):
    nonsense = refuses(503, Retry_After="Mon, 01 Jan 99999999999999999999 00:00:00 GMT")
    with running_provider(odd=nonsense, made=is_made) as provider:
        settings.WAVESPEED_URL = provider.url
        for name in ("odd-1", "made-1"):
            make_job(alice, status=Status.RUNNING, prediction_id=name)

        watch_until(lambda: is_collecting() and Job.objects.filter(attempts__gt=0).exists())


def test_what_was_asked_is_written_down_before_it_stops(sandbox, alice):
    job = running_job(sandbox, alice, "A red fox [fault:slow=60]")

    watch_until(lambda: bool(sandbox.stats()["predictions"][0]["polls"]))

    job.refresh_from_db()
    assert job.polls == sandbox.stats()["predictions"][0]["polls"]


@pytest.mark.parametrize("thread", ["_go_round", "_follow"])
def test_a_database_that_is_gone_ends_the_process(sandbox, db, monkeypatch, thread):
    def fail(*_):
        raise OperationalError("the connection is closed")

    where = (rounds.Rounds, "turn") if thread == "_go_round" else (following, "_follow")
    monkeypatch.setattr(*where, fail)

    with pytest.raises(ExceptionGroup) as caught:
        asyncio.run(watcher.watch(lambda: False))
    assert caught.group_contains(OperationalError)


def test_watchers_share_the_budget_and_one_that_left_or_died_has_none(db):
    turning = {name: rounds.Rounds(Budget(rate=60)) for name in ("stays", "leaves", "dies")}
    for name, each in turning.items():
        each._name = name  # else it is that of its parent, which is the same for all here

    def sharers(*names: str) -> list[int]:
        for _ in range(2):
            for name in names:
                turning[name].done_at.pop(turning[name]._share, None)
                turning[name].turn()
        return [turning[name]._budget.sharers for name in names]

    assert sharers("stays", "leaves", "dies") == [3, 3, 3]
    assert turning["stays"]._budget.left(0) == 20
    turning["leaves"].leave()
    assert sharers("stays", "dies") == [2, 2]
    Watcher.objects.filter(name=turning["dies"]._name).update(beat_at=timezone.now() - timedelta(seconds=31))
    assert sharers("stays") == [1]


def test_the_balance_is_asked_for_every_few_minutes_and_what_is_daily_gets_its_rows(db):
    turning = rounds.Rounds(Budget(rate=10))

    def asked() -> int:
        return sum(hint.func() == "generation.tasks.heed_balance" for hint in OrmQ.objects.all())

    turning.turn()
    turning.turn()
    assert asked() == 1
    errands.do("heed_balance", lambda: None)
    turning.done_at[rounds._ask_for_balance] -= rounds._BALANCE_EVERY
    turning.turn()
    assert asked() == 2
    assert Chore.objects.filter(due_at__gt=timezone.now()).exists()
    Chore.objects.update(due_at=timezone.now())
    del turning.done_at[rounds._tell]
    turning.turn()
    assert sum(hint.func() == "generation.tasks.do_chore" for hint in OrmQ.objects.all()) == Chore.objects.count()


def test_deleted_files_are_a_worker_s_and_no_storage_holds_up_the_watcher(alice, monkeypatch):
    def away(*_):
        raise OSError("our storage is away")

    monkeypatch.setattr(services, "remove_what_is_left", away)
    job = make_job(alice)
    rounds.Rounds(Budget(rate=10)).turn()

    job.refresh_from_db()
    assert job.handed_at
    assert [hint.key for hint in OrmQ.objects.all() if hint.func() == "generation.tasks.remove_what_is_left"] == [
        services.COLLECT_CLUSTER
    ]
    tasks.remove_what_is_left()  # it does not raise either


def test_grants_that_are_over_end_within_a_second_or_two(alice):
    now = timezone.now()
    amount, until = Amount(spend=5, videos=0, seconds=0), now - timedelta(minutes=1)
    earlier = now - timedelta(minutes=2)
    billing.grant(alice, amount, reason="Sorry.", now=earlier, by=ACTOR, expires_at=until)
    turning = rounds.Rounds(Budget(rate=10))
    turning.done_at[rounds._tidy] = now  # what is done every five minutes is not due
    turning.turn()
    assert Grant.objects.get().expired_at
    later = billing.grant(alice, amount, reason="Sorry.", now=earlier, by=ACTOR, expires_at=until)
    turning.done_at[rounds._end_grants] -= rounds._SWEEP_EVERY
    turning.turn()
    later.refresh_from_db()
    assert later.expired_at
