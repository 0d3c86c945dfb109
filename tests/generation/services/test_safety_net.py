"""Webhooks and polling together: where one is to come, polling is a safety net; what came is asked about at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from generation import clock, services
from generation.models import Ear, Job, Status
from generation.providers.errors import NotFound, ProviderError, Unavailable
from generation.providers.predictions import Prediction, read_prediction
from generation.services import Answered, submitting
from tests.hooks import call, give_token, letter, listen
from tests.make import make_job

pytestmark = pytest.mark.django_db

USUAL = 300.0  # seconds


@pytest.fixture(autouse=True)
def _listening(settings, db) -> None:
    settings.PUBLIC_URL = "https://clapboard.example.org"
    listen()


@pytest.fixture
def at(monkeypatch) -> Callable[[datetime], None]:
    """Make up what time it is."""
    return lambda moment: monkeypatch.setattr(clock, "now", lambda: moment)


def arriving() -> None:
    """Let webhooks of other jobs arrive."""
    Ear.objects.update(heard_at=timezone.now())


def processing(job: Job) -> Prediction:
    prediction = read_prediction({"id": job.prediction_id, "model": job.model, "status": "processing"})
    assert prediction
    return prediction


def pace_after_a_look(job: Job) -> float:
    """Return how long it then waits for the next one."""
    services.polled(job.pk, processing(job))
    return Job.objects.get(pk=job.pk).pace


def running(user, **fields) -> Job:
    """Make a job whose usual time has just begun."""
    return make_job(user, status=Status.RUNNING, expected_seconds=USUAL, **fields)


def paces(job: Job, at: Callable[[datetime], None], number: int, error: ProviderError | None) -> list[float]:
    """Ask about a job whenever it is due, beginning with its webhook; return the waits after each of these looks."""
    found: list[float] = []
    for _ in range(number):
        job.refresh_from_db()
        at(job.due_at)
        answered = Answered(job=job, error=error) if error else Answered(job=job, prediction=processing(job))
        services.keep_waiting([answered])
        found.append(Job.objects.get(pk=job.pk).pace)
    return found


# --- a webhook that came ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [None, Unavailable("away", status=503), NotFound("not yet", status=404)])
@pytest.mark.parametrize(("usual", "age"), [(60, 30), (300, 200), (60, 900)])
def test_what_does_not_show_its_end_at_once_is_asked_again_soon_and_ever_more_rarely(alice, at, error, usual, age):
    submitted_at = timezone.now() - timedelta(seconds=age)
    job = make_job(alice, status=Status.RUNNING, expected_seconds=usual, submitted_at=submitted_at)
    assert call(give_token(job), letter(job.prediction_id)) == 204

    waits = paces(job, at, 5, error)

    for number, wait in enumerate(waits):  # 0.5, 1, 2, 4 and 8 s, give or take a tenth each
        assert 0.44 * 1.9**number <= wait <= 0.56 * 2.1**number


def test_an_end_that_never_shows_is_asked_about_as_if_no_webhook_had_come(alice, at):
    job = running(alice)
    assert call(give_token(job), letter(job.prediction_id)) == 204

    assert max(paces(job, at, 30, None)) <= 66
    assert max(paces(job, at, 10, Unavailable("away", retry_after=120.0))) >= 120


# --- webhooks that are to come ----------------------------------------------------------------------------------------


def test_while_webhooks_arrive_a_running_job_is_not_asked_about_before_its_usual_end(alice):
    job = running(alice)
    give_token(job)
    assert pace_after_a_look(job) < USUAL / 2

    arriving()
    assert pace_after_a_look(job) > USUAL


def test_while_webhooks_arrive_the_first_look_comes_after_the_usual_end(alice):
    first_paces = []
    for happens in (lambda: None, arriving):
        job = make_job(alice, status=Status.SUBMITTING, expected_seconds=USUAL)
        give_token(job)
        happens()
        submitting._attach(job, f"pred_{len(first_paces)}")
        first_paces.append(Job.objects.get(pk=job.pk).pace)

    assert first_paces[0] < USUAL / 2
    assert first_paces[1] > USUAL


def test_a_job_that_nobody_calls_for_is_polled_also_while_others_webhooks_arrive(alice):
    arriving()
    sent = make_job(alice, status=Status.SUBMITTING, expected_seconds=USUAL)
    submitting._attach(sent, "pred_1")

    assert Job.objects.get(pk=sent.pk).pace < USUAL / 2
    assert pace_after_a_look(running(alice)) < USUAL / 2
