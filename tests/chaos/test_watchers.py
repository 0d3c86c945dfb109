"""Two watchers on one database: they share the work, and one alone carries on."""

import pytest

from generation.models import FINAL, Job, Status
from tests.chaos.test_kills import all_final, assert_paid_once_each, order
from tests.processes import Engine, engine, wait_for_life, wait_until
from tests.sandbox import running_sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

NUMBER = 12


@pytest.fixture
def sandbox(settings):
    with running_sandbox(seconds=2) as sandbox:
        settings.WAVESPEED_URL = sandbox.url
        yield sandbox


def other(rig: Engine) -> None:
    """Start a second watcher under a name of its own."""
    rig.processes["first"] = rig.processes.pop("watch")
    rig.start("watch")


def running() -> bool:
    return Job.objects.filter(status=Status.RUNNING).count() == NUMBER


def test_two_watchers_never_ask_twice_for_one_due_time(sandbox):
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        other(rig)
        wait_for_life()
        order(number=NUMBER)
        wait_until(all_final, "the end")
        rig.stop()
    assert_paid_once_each(sandbox, NUMBER)
    # Each answer is written down by who claimed the job: a second question for one due time would not be counted.
    asked = {each["id"]: each["polls"] for each in sandbox.stats()["predictions"]}
    counted = dict(Job.objects.values_list("prediction_id", "polls"))
    assert asked == {prediction: polls + 1 for prediction, polls in counted.items()}  # and the collector's look


def test_one_watcher_is_killed_and_the_other_carries_on_within_a_lease(sandbox):
    sandbox.set(seconds=60)  # until they are finished by hand
    with engine(sandbox.url, POLL_LEASE="1") as rig:
        rig.start("watch", "worker")
        other(rig)
        wait_for_life()
        order(number=NUMBER)
        wait_until(running, "all run")
        rig.kill("watch")
        sandbox.finish()
        wait_until(lambda: Job.objects.filter(status__in=FINAL).count() == NUMBER, "the end")
    assert_paid_once_each(sandbox, NUMBER)
