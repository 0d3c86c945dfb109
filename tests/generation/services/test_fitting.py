"""Whose prediction it is: one that may be that of any job whose POST has no answer is given to nobody else."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Job, Status
from generation.providers.wavespeed import WaveSpeed
from generation.services import fitting, submitting
from generation.services.fitting import _same, candidates_of, misfit
from generation.services.provider import wavespeed
from tests.engine import run
from tests.make import ACTOR, make_job, make_spec
from tests.processes import wait_until

pytestmark = pytest.mark.django_db

_PRO = "lightricks/ltx-2-pro/text-to-video"


def again(job: Job) -> Job:
    return Job.objects.select_related("hold").get(pk=job.pk)


def look() -> int:
    return services.look_for_unknown(timezone.now(), all_of_them=True)


def never_taken(user, prompt: str = "A red fox") -> Job:
    """Make an unknown job of which the provider has no prediction."""
    return run(services.create(user, make_spec(f"{prompt} [fault:500_before*1]"), by=ACTOR), until={Status.UNKNOWN})


def accepted(prompt: str = "A red fox in snow") -> str:
    """Let the provider take a job of ours whose answer we have not seen; return the prediction's id."""
    return wavespeed().submit(_PRO, {"prompt": prompt}).id


@contextmanager
def sent_meanwhile(job: Job) -> Iterator[None]:
    """Send a job by another worker, and go on as soon as the provider has it; its answer comes later."""

    def send() -> None:
        try:
            services.submit(job.pk)
        finally:
            connection.close()

    services.dispatch()
    sender = threading.Thread(target=send)
    sender.start()
    try:
        yield
    finally:
        sender.join()


@pytest.mark.django_db(transaction=True)
def test_an_unknown_job_takes_nothing_from_one_whose_post_hangs(alice, bob, sandbox):
    sandbox.set(include_inputs=False, seconds=60)
    hers = never_taken(alice)
    his = services.create(bob, make_spec("A secret dog [fault:hang=3]"), by=ACTOR)

    with sent_meanwhile(his):
        wait_until(lambda: sandbox.stats()["submissions"] == 1, "it is made")
        assert (again(his).status, look()) == (Status.SUBMITTING, 0)
        (candidate,) = services.candidates(hers)
        assert candidate.is_being_sent

    assert (again(hers).status, again(his).status) == (Status.UNKNOWN, Status.RUNNING)
    assert (look(), services.candidates(hers)) == (0, [])
    assert again(hers).hold.state == Hold.State.HELD


def looked_before_the_answer(monkeypatch) -> list[int]:
    """Have unknown jobs looked for whenever the provider has taken a job and we have not yet heard of it."""
    seen: list[int] = []
    submit = WaveSpeed.submit

    def slowly(self, *args, **options):
        answer = submit(self, *args, **options)
        seen.append(look())
        return answer

    monkeypatch.setattr(submitting.WaveSpeed, "submit", slowly)
    return seen


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("duration", [6, 10])
def test_with_the_same_prompt_it_takes_nothing_either(alice, bob, sandbox, monkeypatch, shown, duration):
    sandbox.set(include_inputs=shown)
    hers = never_taken(alice)
    seen = looked_before_the_answer(monkeypatch)
    his = services.create(bob, make_spec(hers.prompt, duration=duration), by=ACTOR)

    services.dispatch()
    services.submit(his.pk)

    assert (seen, again(hers).status, again(his).status) == ([0], Status.UNKNOWN, Status.RUNNING)


def test_another_length_is_another_wish(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    wavespeed().submit(_PRO, {"prompt": job.prompt, "duration": 10})

    assert (services.candidates(job), look()) == ([], 0)


def test_what_a_webhook_has_named_for_a_job_that_is_being_sent_is_its_own(alice, bob, sandbox):
    sandbox.set(include_inputs=False)
    hers, prediction_id = make_job(alice, status=Status.UNKNOWN), accepted()
    make_job(bob, status=Status.SUBMITTING, shown_id=prediction_id)

    assert (services.candidates(hers), look()) == ([], 0)
    with pytest.raises(services.NotAttachable):
        services.attach(hers.pk, prediction_id, by=ACTOR)


def test_one_that_has_just_been_named_for_another_is_not_attached(alice, bob, sandbox, monkeypatch):
    hers, prediction_id = make_job(alice, status=Status.UNKNOWN), accepted()
    result = WaveSpeed.result

    def named_meanwhile(self, asked):
        make_job(bob, status=Status.SUBMITTING, shown_id=prediction_id)
        return result(self, asked)

    monkeypatch.setattr(WaveSpeed, "result", named_meanwhile)
    assert (look(), again(hers).status) == (0, Status.UNKNOWN)


def test_a_job_that_gets_its_answer_during_the_look_keeps_its_prediction(alice, bob, sandbox, monkeypatch):
    sandbox.set(include_inputs=False)
    hers, prediction_id = make_job(alice, status=Status.UNKNOWN), accepted()
    his = make_job(bob, status=Status.SUBMITTING)
    between = _before(fitting._owners, lambda: submitting._attach(his, prediction_id))
    monkeypatch.setattr(fitting, "_owners", between)

    assert look() == 0
    assert (again(hers).status, again(his).prediction_id) == (Status.UNKNOWN, prediction_id)


def test_a_job_that_gets_its_answer_after_the_list_keeps_its_prediction(alice, bob, sandbox, monkeypatch):
    sandbox.set(include_inputs=False)
    hers, prediction_id = make_job(alice, status=Status.UNKNOWN), accepted()
    his = make_job(bob, status=Status.SUBMITTING)
    between = _before(fitting._claimants, lambda: submitting._attach(his, prediction_id))
    monkeypatch.setattr(fitting, "_claimants", between)

    assert look() == 0
    assert (again(hers).status, again(his).prediction_id) == (Status.UNKNOWN, prediction_id)


def _before(step: Callable[..., object], happens: Callable[[], object]) -> Callable[..., object]:
    def both(*args):
        happens()
        return step(*args)

    return both


def test_that_a_job_was_given_up_does_not_make_its_prediction_another_s(alice, bob, sandbox):
    sandbox.set(include_inputs=False)
    his, hers = make_job(bob, status=Status.UNKNOWN), make_job(alice, status=Status.UNKNOWN)
    accepted()
    services.give_up(his.pk, reason="he waits", by=ACTOR)
    assert look() == 0

    Job.objects.filter(pk=his.pk).update(error_code="never_created")
    assert (look(), again(hers).status) == (1, Status.RUNNING)


def test_jobs_of_other_times_and_models_do_not_claim_it(alice, bob, sandbox):
    sandbox.set(include_inputs=False)
    long_ago = timezone.now() - timedelta(minutes=10)
    make_job(bob, status=Status.UNKNOWN, submit_started_at=long_ago)
    make_job(bob, status=Status.UNKNOWN, model="lightricks/ltx-2-fast/text-to-video")
    hers = make_job(alice, status=Status.UNKNOWN)
    accepted()

    assert (look(), again(hers).status) == (1, Status.RUNNING)


# --- operators --------------------------------------------------------------------------------------------------------


def test_an_operator_can_t_attach_what_may_be_that_of_a_job_being_sent(alice, bob, sandbox):
    sandbox.set(include_inputs=False)
    hers, his, prediction_id = (
        make_job(alice, status=Status.UNKNOWN),
        make_job(bob, status=Status.SUBMITTING),
        accepted(),
    )
    with pytest.raises(services.NotAttachable, match="just being sent"):
        services.attach(hers.pk, prediction_id, by=ACTOR)

    Job.objects.filter(pk=his.pk).update(status=Status.UNKNOWN)
    assert services.attach(hers.pk, prediction_id, by=ACTOR).status == Status.RUNNING


def test_an_operator_can_t_attach_what_was_made_of_another_prompt(alice, sandbox):
    hers = make_job(alice, status=Status.UNKNOWN)
    with pytest.raises(services.NotAttachable, match="another prompt"):
        services.attach(hers.pk, accepted("A secret dog"), by=ACTOR)
    assert again(hers).status == Status.UNKNOWN


@pytest.mark.parametrize("created_at", ["", "yesterday"])
def test_what_tells_no_time_is_not_attached(alice, sandbox, monkeypatch, created_at):
    hers, prediction_id = make_job(alice, status=Status.UNKNOWN), accepted()
    untimed = replace(wavespeed().result(prediction_id), created_at=created_at)
    monkeypatch.setattr(WaveSpeed, "result", lambda self, asked: untimed)

    with pytest.raises(services.NotAttachable, match="when it was created"):
        services.attach(hers.pk, prediction_id, by=ACTOR)


# --- what the list tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wished", "told", "same"),
    [
        *[(6, 6, True), (6, 6.0, True), (6, "6", True), (6, 8, False)],
        *[(True, True, True), (True, "true", True), (True, False, False)],
        *[("A Fox", "A Fox", True), ("A Fox", "a fox", False)],
        *[(-1, 4711, True), (7, 4711, False)],  # a seed that was drawn
    ],
)
def test_what_is_told_is_what_was_wished_in_whatever_letters(wished, told, same):
    assert _same(wished, told) is same


def test_what_the_list_adds_or_leaves_out_says_nothing(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    prediction = wavespeed().result(accepted())
    for inputs in (None, {}, {"prompt": job.prompt}, {"prompt": job.prompt, "fps": 25}):
        assert misfit(job, replace(prediction, inputs=inputs)) == ""
    assert misfit(job, replace(prediction, inputs={"prompt": job.prompt, "generate_audio": False}))


def test_a_job_that_has_moved_on_has_no_candidates(alice, sandbox):
    job = make_job(alice, status=Status.FAILED, submit_started_at=timezone.now())
    assert candidates_of([job], [wavespeed().result(accepted())]) == {job.pk: []}
