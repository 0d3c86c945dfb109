"""A signed webhook that comes for another job: nobody gets another's video, and nobody loses their own."""

from datetime import timedelta

import pytest

from generation import clock, services
from generation.models import Job, Status
from generation.providers.errors import Unavailable
from generation.providers.wavespeed import WaveSpeed
from generation.services import submitting
from generation.services.provider import wavespeed
from tests.hooks import call, give_token, letter, listen
from tests.make import ACTOR, make_job

pytestmark = pytest.mark.django_db

PRO, FAST = "lightricks/ltx-2-pro/text-to-video", "lightricks/ltx-2-fast/text-to-video"


@pytest.fixture(autouse=True)
def _listening(settings, db) -> None:
    settings.PUBLIC_URL = "https://clapboard.example.org"
    listen()


def again(job: Job) -> Job:
    return Job.objects.get(pk=job.pk)


def stands(job: Job) -> tuple[str, str | None, str]:
    job = again(job)
    return job.status, job.prediction_id, job.shown_id


def unknown(user, prompt: str = "A red fox in snow", model: str = PRO) -> tuple[Job, str]:
    """Make a job whose submission got no answer, and what came of it; return the prediction's id."""
    job = make_job(user, status=Status.UNKNOWN, prompt=prompt, model=model)
    return job, wavespeed().submit(model, {"prompt": prompt}).id


def test_what_another_job_has_is_not_shown_and_its_own_is_then_believed(alice, bob, sandbox):
    hers, own = unknown(alice)
    his = make_job(bob, status=Status.RUNNING)
    path = give_token(hers)

    assert call(path, letter(his.prediction_id)) == 404
    assert call(path, letter(own)) == 204
    assert services.attach_shown(hers.pk)
    assert stands(hers) == (Status.RUNNING, own, "")


def test_what_another_job_was_shown_is_not_shown(alice, bob, sandbox):
    (hers, _), (his, own) = unknown(alice), unknown(bob)

    assert call(give_token(his), letter(own)) == 204
    assert call(give_token(hers), letter(own)) == 404
    assert services.attach_shown(his.pk)
    assert stands(his) == (Status.RUNNING, own, "")


def test_what_the_list_tells_to_be_of_another_prompt_is_forgotten(alice, bob, sandbox):
    (hers, own), (his, secret) = unknown(alice), unknown(bob, "A secret dog")
    assert call(give_token(hers), letter(secret)) == 204

    assert services.attach_shown(hers.pk) is False

    assert stands(hers) == (Status.UNKNOWN, None, "")
    assert secret in again(hers).events.last().note
    assert call(give_token(his), letter(secret)) == 204
    assert call(give_token(hers), letter(own)) == 204
    assert [services.attach_shown(his.pk), services.attach_shown(hers.pk)] == [True, True]
    assert [stands(his), stands(hers)] == [(Status.RUNNING, secret, ""), (Status.RUNNING, own, "")]


def test_the_look_for_unknown_jobs_forgets_it_as_well(alice, bob, sandbox):
    (hers, own), (his, secret) = unknown(alice), unknown(bob, "A secret dog")
    call(give_token(hers), letter(secret))
    now = clock.now()

    assert services.look_for_unknown(now, all_of_them=True) in {0, 1}
    services.look_for_unknown(now, all_of_them=True)

    assert [again(his).prediction_id, again(hers).prediction_id] == [secret, own]


def test_what_does_not_fit_stays_free_for_whom_it_fits(alice, bob, sandbox):
    (hers, _), (his, own) = unknown(alice), unknown(bob, model=FAST)
    assert call(give_token(hers), letter(own)) == 204

    assert services.attach_shown(hers.pk) is False
    assert again(hers).hold.state == "held"
    assert call(give_token(his), letter(own)) == 204
    assert services.attach_shown(his.pk)


def test_while_the_list_is_not_given_what_was_shown_waits(alice, sandbox, monkeypatch):
    job, own = unknown(alice)
    call(give_token(job), letter(own))

    def away(self, **wish):
        raise Unavailable("away", status=503)

    with monkeypatch.context() as patch:
        patch.setattr(WaveSpeed, "predictions", away)
        assert services.attach_shown(job.pk) is False
    assert stands(job) == (Status.UNKNOWN, None, own)
    assert services.attach_shown(job.pk)


def test_an_operator_s_word_is_more_than_a_webhook_s(alice, olga, sandbox):
    job, own = unknown(alice)
    call(give_token(job), letter("0" * 32))
    assert services.attach_shown(job.pk) is False  # nobody knows of it
    assert again(job).shown_id == "0" * 32

    assert services.attach(job.pk, own, by=ACTOR).status == Status.RUNNING

    assert stands(job) == (Status.RUNNING, own, "")
    assert any("0" * 32 in event.note for event in job.events.all())


def test_the_answer_of_the_post_is_more_than_a_webhook_s_and_sets_free_what_that_named(alice, bob, sandbox):
    his, secret = unknown(bob, "A secret dog")
    hers = make_job(alice, status=Status.SUBMITTING, expected_seconds=300.0)
    assert call(give_token(hers), letter(secret)) == 204

    submitting._attach(hers, "pred_1")

    assert stands(hers) == (Status.RUNNING, "pred_1", "")
    assert again(hers).heard_at is None
    assert again(hers).pace > 1  # its own webhook is still to come
    assert call(give_token(his), letter(secret)) == 204
    assert services.attach_shown(his.pk)


def test_what_a_webhook_names_during_the_look_is_more_than_the_list(alice, sandbox, monkeypatch):
    job = make_job(alice, status=Status.UNKNOWN)
    path = give_token(job)
    wavespeed().submit(PRO, {"prompt": "A red fox in snow"})  # of another program that uses our account
    result, answers = WaveSpeed.result, []

    def heard_meanwhile(self, asked):
        answers.append(call(path, letter("its-own")))
        return result(self, asked)

    monkeypatch.setattr(WaveSpeed, "result", heard_meanwhile)
    assert services.look_for_unknown(clock.now(), all_of_them=True) == 0
    assert answers == [204]
    assert stands(job) == (Status.UNKNOWN, None, "its-own")


def test_what_was_named_and_is_still_not_there_is_forgotten(alice, sandbox):
    job, own = unknown(alice)
    path = give_token(job)
    call(path, letter("0" * 32))

    assert not services.attach_shown(job.pk)
    assert stands(job) == (Status.UNKNOWN, None, "0" * 32)  # it may be there in a moment
    Job.objects.update(heard_at=clock.now() - timedelta(minutes=5))
    assert services.look_for_unknown(clock.now(), all_of_them=True) == 0
    assert stands(job) == (Status.UNKNOWN, None, "")
    assert call(path, letter(own)) == 204
    assert services.attach_shown(job.pk)
    assert stands(job) == (Status.RUNNING, own, "")
