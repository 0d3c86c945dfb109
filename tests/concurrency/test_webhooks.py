"""The same webhook, many times at once: one job that runs, one video, one charge."""

from collections import Counter

import pytest
from django.conf import settings

from billing.ledger import differences
from billing.models import LedgerEntry
from generation.models import Job, Status
from generation.services.provider import wavespeed
from tests.concurrency.actions import attach_naively, heed_webhook
from tests.concurrency.racing import race
from tests.hooks import give_token, listen
from tests.make import make_job
from tests.processes import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

RACERS = 8


@pytest.fixture
def lost(sandbox, alice) -> tuple[Job, str]:
    """Return a job whose submission got no answer, and the prediction that came of it and has ended."""
    listen()
    job = make_job(alice, status=Status.UNKNOWN)
    give_token(job)
    prediction = wavespeed().submit(job.model, job.video_model.inputs(job.prompt, job.parameters))
    sandbox.finish()
    wait_until(lambda: not wavespeed().result(prediction.id).is_going_on, "its end")
    return job, prediction.id


def test_the_same_webhook_at_once_settles_once(lost):
    job, prediction_id = lost

    outcomes = race(heed_webhook, [(str(job.pk), prediction_id, settings.WAVESPEED_URL)] * RACERS)

    assert outcomes == ["True"] * RACERS
    assert Job.objects.get().status == Status.SUCCEEDED
    steps = Counter(job.events.exclude(from_status="").values_list("from_status", "to_status"))
    assert steps == {("unknown", "running"): 1, ("running", "collecting"): 1, ("collecting", "succeeded"): 1}
    assert LedgerEntry.objects.filter(kind="settle").count() == 1
    assert not list(differences())


def test_without_the_guard_they_would_all_attach(lost):
    """This test exists to ensure that the race of the other one is a race."""
    job, prediction_id = lost

    assert race(attach_naively, [(str(job.pk), prediction_id)] * RACERS).count("attached") > 1
