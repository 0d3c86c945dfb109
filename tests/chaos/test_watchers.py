"""Two watchers on one database: they share the work, and one alone carries on."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from generation.models import Job, Status, Watcher
from tests.generation.provider import Provider, fails, goes_on, hangs_at_first, running_provider
from tests.make import make_job, make_plan, make_user
from tests.processes import Engine, engine, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NUMBER = 12
LEASE = 15.0  # seconds: long enough for a kill, and shorter than a question may take


def running(kind: str, **fields) -> dict[str, UUID]:
    """Make jobs that run and are due, by their predictions, which behave like `kind`."""
    user = make_user(plan=make_plan())
    submitted_at = timezone.now() - timedelta(minutes=1)
    predictions = [f"{kind}-{number}" for number in range(NUMBER)]
    return {
        each: make_job(user, status=Status.RUNNING, prediction_id=each, submitted_at=submitted_at, **fields).pk
        for each in predictions
    }


def start(rig: Engine, name: str) -> None:
    """Start a watcher under a name of its own, which is its API key, too; it has shown that it runs."""
    rig.environment["WAVESPEED_API_KEY"] = name
    before = Watcher.objects.count()
    rig.start("watch")
    rig.processes[name] = rig.processes.pop("watch")
    wait_until(lambda: Watcher.objects.count() == before + 1, f"the watcher {name}")


def all_asked(provider: Provider, times: int) -> bool:
    return len(provider.counts) == NUMBER and min(provider.counts.values()) >= times


def test_two_watchers_never_ask_twice_for_one_due_time():
    with running_provider(on=goes_on) as provider, engine(provider.url) as rig:
        start(rig, "first")
        start(rig, "second")
        running("on", expected_seconds=60.0)
        both = {"first", "second"}
        wait_until(lambda: all_asked(provider, 4) and all(provider.askers[name] >= NUMBER for name in both), "both")
        rig.stop()  # what was asked is written down
        assert provider.askers.keys() == both
        # Each answer is written down by who claimed the job: a second question for one due time would not be counted.
        assert provider.counts == dict(Job.objects.values_list("prediction_id", "polls"))


def test_one_watcher_is_killed_with_its_questions_and_the_other_asks_them_within_a_lease():
    failing = hangs_at_first(fails)
    with running_provider(stuck=failing) as provider, engine(provider.url, POLL_LEASE=str(LEASE)) as rig:
        start(rig, "first")
        start(rig, "second")
        running("stuck")
        wait_until(lambda: all_asked(provider, 1), "all are asked about, and nobody is answered")
        ((victim, claimed),) = provider.askers.most_common(1)
        rig.kill(victim)
        # Nobody else may ask before the lease is over, and that is soon.
        assert Job.objects.filter(due_at__lte=timezone.now() + timedelta(seconds=LEASE)).count() == NUMBER
        wait_until(lambda: not Job.objects.exclude(status=Status.FAILED).exists(), "the other has asked")
        assert provider.askers[victim] == claimed
        assert set(provider.counts.values()) == {2}
