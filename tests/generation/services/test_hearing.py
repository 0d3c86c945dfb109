"""What a webhook does: it makes due, or shows; twice, late, of another or before our own commit it does no harm."""

import json
import re
from datetime import timedelta
from urllib.parse import parse_qs, quote_plus, urlsplit

import pytest
import responses
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold
from generation import services, tasks
from generation.models import Ear, Gate, Job, JobEvent, Status
from generation.providers.errors import NotSent, RateLimited, RefusedForAccount, RefusedForJob, Unavailable
from generation.services import submitting, sweeping
from generation.services.provider import wavespeed
from tests.engine import run
from tests.hooks import call, give_token, letter, listen
from tests.make import ACTOR, make_job, make_spec

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _listening(settings, db) -> None:
    settings.PUBLIC_URL = "https://clapboard.example.org"
    listen()


def hints(name: str) -> list[str]:
    return [hint.args()[0] for hint in OrmQ.objects.all() if hint.func() == f"generation.tasks.{name}"]


def again(job: Job) -> Job:
    return Job.objects.select_related("hold").get(pk=job.pk)


def row(job: Job) -> dict[str, object]:
    return Job.objects.filter(pk=job.pk).values().get()


def running(user, **fields) -> Job:
    return make_job(user, status=Status.RUNNING, due_at=timezone.now() + timedelta(minutes=1), **fields)


# --- running ----------------------------------------------------------------------------------------------------------


def test_a_running_job_is_due_at_once_and_nothing_else_changes(alice):
    job = running(alice)
    before = row(job)

    assert call(give_token(job), letter(job.prediction_id)) == 204

    after = row(job)
    assert after["due_at"] <= timezone.now()
    assert {name for name in after if after[name] != before[name]} == {"due_at", "heard_at", "webhook_hash"}


def test_the_same_webhook_twice_is_believed_twice(alice):
    job = running(alice)
    path, sent = give_token(job), letter(job.prediction_id)

    assert [call(path, sent), call(path, sent)] == [204, 204]
    assert again(job).status == Status.RUNNING


def test_an_answer_of_before_the_webhook_does_not_put_the_job_off(alice):
    job = running(alice)  # somebody has claimed it and asks
    call(give_token(job), letter(job.prediction_id))

    services.keep_waiting([services.Answered(job=job, error=Unavailable("away"))])

    assert again(job).due_at <= timezone.now()


def test_without_a_webhook_it_is_put_off(alice):
    job = running(alice)
    Job.objects.update(due_at=timezone.now())

    services.unreachable(job.pk, Unavailable("away"))

    assert again(job).due_at > timezone.now()


def test_a_webhook_about_another_prediction_changes_nothing(alice):
    job, other = running(alice), running(alice)
    path = give_token(job)
    before = [row(job), row(other)]

    assert call(path, letter(other.prediction_id)) == 404
    assert [row(job), row(other)] == before


@pytest.mark.parametrize("status", [Status.COLLECTING, Status.SUCCEEDED, Status.FAILED, Status.CANCELED])
def test_a_late_webhook_is_believed_and_changes_nothing(alice, status):
    job = make_job(alice, status=status)
    path = give_token(job)
    before, events = row(job), JobEvent.objects.count()

    assert call(path, letter(job.prediction_id or "pred_1")) == 204
    assert row(job) == before
    assert JobEvent.objects.count() == events
    assert not hints("attach_shown")


# --- unknown, and before our own commit -------------------------------------------------------------------------------


def accepted(prompt: str = "A red fox in snow", model: str = "lightricks/ltx-2-pro/text-to-video") -> str:
    """Let the provider take a job of ours whose answer we have not seen; return the prediction's id."""
    return wavespeed().submit(model, {"prompt": prompt}).id


def test_an_unknown_job_gets_the_prediction_that_its_webhook_names(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    prediction_id = accepted()

    assert call(give_token(job), letter(prediction_id)) == 204
    assert again(job).status == Status.UNKNOWN  # not in the request
    assert hints("attach_shown") == [str(job.pk)]
    tasks.attach_shown(str(job.pk))

    attached = again(job)
    assert (attached.status, attached.prediction_id) == (Status.RUNNING, prediction_id)
    assert run(attached).hold.state == Hold.State.SETTLED
    assert sandbox.stats()["submissions"] == 1


def test_a_hint_that_is_lost_is_repaired_by_the_look_for_unknown_jobs(alice, sandbox):
    sandbox.set(include_inputs=False)
    job, other = make_job(alice, status=Status.UNKNOWN), make_job(alice, status=Status.UNKNOWN)
    prediction_id = accepted()
    call(give_token(job), letter(prediction_id))
    OrmQ.objects.all().delete()

    assert Job.objects.filter(status=Status.UNKNOWN, due_at__lte=timezone.now()).get() == job
    assert services.look_for_unknown(timezone.now()) == 1
    assert again(job).prediction_id == prediction_id
    assert again(other).status == Status.UNKNOWN


def test_a_prediction_that_does_not_fit_is_not_attached(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    call(give_token(job), letter(accepted(model="lightricks/ltx-2-fast/text-to-video")))

    assert services.attach_shown(job.pk) is False
    assert again(job).status == Status.UNKNOWN
    assert again(job).hold.state == Hold.State.HELD


def test_a_prediction_of_another_job_is_not_attached(alice, sandbox):
    prediction_id = accepted()
    running(alice, prediction_id=prediction_id)
    job = make_job(alice, status=Status.UNKNOWN)
    call(give_token(job), letter(prediction_id))

    assert services.attach_shown(job.pk) is False
    assert again(job).status == Status.UNKNOWN


def test_a_prediction_that_the_provider_does_not_know_is_not_attached(alice, sandbox):
    job = make_job(alice, status=Status.UNKNOWN)
    call(give_token(job), letter("0" * 32))

    assert services.attach_shown(job.pk) is False
    assert again(job).status == Status.UNKNOWN


def test_a_second_webhook_can_t_show_another_prediction(alice):
    job = make_job(alice, status=Status.UNKNOWN)
    path = give_token(job)

    assert [call(path, letter("first")), call(path, letter("second"))] == [204, 404]
    assert again(job).shown_id == "first"


def test_before_our_own_commit_it_only_shows_and_the_answer_of_the_post_decides(alice):
    job = make_job(alice, status=Status.SUBMITTING)

    assert call(give_token(job), letter("pred_1")) == 204
    assert (again(job).status, hints("attach_shown")) == (Status.SUBMITTING, [])
    submitting._attach(job, "pred_1")

    attached = again(job)
    assert (attached.status, attached.prediction_id) == (Status.RUNNING, "pred_1")
    assert attached.due_at <= timezone.now()  # its webhook is over: it must be asked about at once


def test_what_was_shown_before_the_worker_died_is_looked_at_when_its_lease_is_over(alice, sandbox):
    job = make_job(alice, status=Status.SUBMITTING)
    prediction_id = accepted()
    call(give_token(job), letter(prediction_id))
    Job.objects.update(lease_until=timezone.now() - timedelta(seconds=1))

    assert sweeping.sweep() == 1
    assert hints("attach_shown") == [str(job.pk)]
    tasks.attach_shown(str(job.pk))

    assert again(job).prediction_id == prediction_id
    assert run(job).status == Status.SUCCEEDED


REFUSALS = [
    RateLimited("at a limit", status=429),
    NotSent("no connection"),
    RefusedForAccount("no credit", status=402, reason="The WaveSpeed account is out of credit."),
    RefusedForJob("invalid", status=400),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_a_refusal_after_a_webhook_sends_nothing_again_and_what_that_named_is_looked_at(alice, sandbox, refusal):
    job = make_job(alice, status=Status.SUBMITTING)
    prediction_id = accepted()
    assert call(give_token(job), letter(prediction_id)) == 204

    submitting._write_down(job, refusal)

    doubted = again(job)
    assert (doubted.status, doubted.hold.state) == (Status.UNKNOWN, Hold.State.HELD)
    assert refusal.message in doubted.events.last().note or isinstance(refusal, RefusedForAccount)
    assert hints("attach_shown") == [str(job.pk)]
    tasks.attach_shown(str(job.pk))
    assert run(job).status == Status.SUCCEEDED
    assert sandbox.stats()["submissions"] == 1


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: type(refusal).__name__)
def test_a_refusal_without_a_webhook_is_one(alice, refusal):
    job = make_job(alice, status=Status.SUBMITTING)
    give_token(job)

    submitting._write_down(job, refusal)

    assert again(job).status in {Status.QUEUED, Status.FAILED}


def test_a_prediction_that_failed_at_once_fails_its_job_also_after_its_webhook(alice):
    job = make_job(alice, status=Status.SUBMITTING)
    call(give_token(job), letter("pred_1", status="failed"))

    submitting._write_down(job, RefusedForJob("moderated", prediction_id="pred_1", status=200, code=1200))

    assert (again(job).status, again(job).prediction_id) == (Status.FAILED, "pred_1")


def test_what_was_shown_before_the_fence_is_of_another_try_and_is_forgotten_at_it(alice, sandbox):
    sandbox.set(faults=["dropped"])
    job = services.create(alice, make_spec(), by=ACTOR)
    Job.objects.update(shown_id="pred_1", heard_at=timezone.now())

    lost = run(job, until={Status.UNKNOWN})

    assert (lost.shown_id, lost.heard_at, hints("attach_shown")) == ("", None, [])


# --- the way of a job with webhooks -----------------------------------------------------------------------------------


def sent(user, prompt: str = "A red fox in snow", until: Status = Status.RUNNING) -> Job:
    return run(services.create(user, make_spec(prompt), by=ACTOR), until={until})


def test_a_submission_says_where_to_call_and_keeps_only_a_hash(alice, sandbox):
    sandbox.set(seconds=60)
    job = sent(alice)

    url = sandbox.stats()["predictions"][0]["webhook"]
    assert re.fullmatch(rf"https://clapboard\.example\.org/hooks/wavespeed/{job.pk}/[\w-]{{43}}", url)
    token = url.rpartition("/")[2]
    assert token not in str(row(job))
    assert token not in str(list(JobEvent.objects.values()))
    assert call(url.removeprefix("https://clapboard.example.org"), letter(job.prediction_id)) == 204


@pytest.mark.parametrize("status", [400, 402, 429, 500])
@responses.activate
def test_a_provider_that_quotes_the_address_gives_no_token_away(alice, settings, status):
    settings.WAVESPEED_URL, settings.WAVESPEED_API_KEY = "https://wavespeed.example", "key-of-a-test"
    quoted = []

    def quote(request):
        quoted.append(parse_qs(urlsplit(request.url).query)["webhook"][0])
        told = f"Concurrency limit: webhook {quoted[0]} can't be used ({quote_plus(quoted[0])})"
        return status, {}, json.dumps({"code": status, "message": told})

    responses.add_callback("POST", re.compile("https://wavespeed.example/.*"), quote)
    job = services.create(alice, make_spec(), by=ACTOR)
    services.dispatch()
    services.submit(job.pk)

    token = quoted[0].rpartition("/")[2]
    assert again(job).status != Status.SUBMITTING
    for kept in (row(job), list(JobEvent.objects.values()), list(Gate.objects.values())):
        assert token not in str(kept)
    assert "/***" in str(row(job)) + str(list(JobEvent.objects.values())) or status == 402


def test_without_a_public_address_nobody_is_asked_to_call(alice, sandbox, settings):
    settings.PUBLIC_URL = ""
    sandbox.set(seconds=60)
    job = sent(alice)

    assert sandbox.stats()["predictions"][0]["webhook"] is None
    assert job.webhook_hash == ""


def test_the_token_of_an_earlier_try_is_worth_nothing(alice, sandbox):
    sandbox.set(faults=["rate_limited*1"], seconds=60)
    tokens = []
    draw = submitting.draw_webhook
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(submitting, "draw_webhook", lambda job: tokens.append(draw(job)) or tokens[-1])
        job = sent(alice)

    first, second = (webhook.url.removeprefix("https://clapboard.example.org") for webhook in tokens)
    assert first != second
    assert [call(first, letter(job.prediction_id)), call(second, letter(job.prediction_id))] == [404, 204]


def test_a_lost_answer_is_found_by_the_webhook(alice, sandbox):
    """The provider accepts, drops the socket, and calls: one POST, one charge."""
    sandbox.set(faults=["dropped"])
    job = sent(alice, until=Status.UNKNOWN)
    prediction = sandbox.stats()["predictions"][0]

    path = prediction["webhook"].removeprefix("https://clapboard.example.org")
    assert call(path, letter(prediction["id"])) == 204
    tasks.attach_shown(str(job.pk))

    assert run(job).hold.state == Hold.State.SETTLED
    assert sandbox.stats()["submissions"] == 1


# --- the secret -------------------------------------------------------------------------------------------------------


def test_a_submission_without_a_secret_has_it_fetched_once_a_minute(alice, sandbox):
    listen("")
    sandbox.set(seconds=60)
    sent(alice)
    sent(alice)
    assert len([h for h in OrmQ.objects.all() if h.func() == "generation.tasks.learn_webhook_secret"]) == 1

    tasks.learn_webhook_secret()

    assert Ear.objects.get().secret == "whsec_sandbox-secret"


def test_a_changed_secret_is_learned_after_a_refusal(alice, sandbox):
    job = running(alice)
    path, new = give_token(job), letter(job.prediction_id, secret="whsec_sandbox-secret")

    assert [call(path, new), call(path, new)] == [404, 404]
    assert len([h for h in OrmQ.objects.all() if h.func() == "generation.tasks.learn_webhook_secret"]) == 1
    tasks.learn_webhook_secret()

    assert call(path, new) == 204
    assert call(path, letter(job.prediction_id)) == 404  # the old one is over


def test_a_refused_signature_asks_again_after_a_minute_only(alice):
    job = running(alice)
    path = give_token(job)
    for seconds in (0, 61):
        Ear.objects.update(asked_at=timezone.now() - timedelta(seconds=seconds))
        OrmQ.objects.all().delete()
        call(path, letter(job.prediction_id, secret="whsec_other"))
        assert OrmQ.objects.count() == (seconds > 60)


def test_strangers_have_nothing_fetched(alice):
    job = running(alice)
    give_token(job)

    call(f"/hooks/wavespeed/{job.pk}/wrong", letter(job.prediction_id, secret="whsec_other"))

    assert OrmQ.objects.count() == 0


def test_a_secret_of_the_settings_is_neither_fetched_nor_replaced(alice, settings):
    settings.WAVESPEED_WEBHOOK_SECRET = "whsec_set"
    job = running(alice)
    path = give_token(job)

    assert call(path, letter(job.prediction_id)) == 404
    assert call(path, letter(job.prediction_id, secret="whsec_set")) == 204
    assert OrmQ.objects.count() == 0


@pytest.mark.parametrize("secret", ["", "whsec_"])
def test_without_a_secret_every_webhook_is_refused(alice, secret):
    listen(secret)
    job = running(alice)

    assert call(give_token(job), letter(job.prediction_id, secret=secret)) == 404


# --- do they arrive? --------------------------------------------------------------------------------------------------


def test_polling_relies_on_webhooks_only_while_they_arrive(alice, settings):
    now = timezone.now()
    assert not services.hooks_arrive(now)

    job = running(alice)
    call(give_token(job), letter(job.prediction_id))

    assert services.hooks_arrive(timezone.now())
    assert services.hooks_arrive(timezone.now() + timedelta(minutes=4))
    assert not services.hooks_arrive(timezone.now() + timedelta(minutes=6))
    settings.PUBLIC_URL = ""
    assert not services.hooks_arrive(timezone.now())


def test_what_is_refused_does_not_count_as_arriving(alice):
    job = running(alice)
    path = give_token(job)
    answers = [call(path, letter(job.prediction_id, secret="whsec_other")), call(path, letter("another-s"))]

    assert answers == [404, 404]
    assert not services.hooks_arrive(timezone.now())


def test_their_arrival_is_written_down_now_and_then(alice):
    job = running(alice)
    path = give_token(job)
    for seconds, noted in ((-60, False), (6, True)):  # a minute ahead: not again within five seconds
        earlier = timezone.now() - timedelta(seconds=seconds)
        Ear.objects.update(heard_at=earlier)
        call(path, letter(job.prediction_id))
        assert (Ear.objects.get().heard_at != earlier) is noted


def test_a_webhook_takes_two_statements_and_no_question_to_the_provider(alice, django_assert_max_num_queries):
    job = running(alice)
    path, one = give_token(job), letter(job.prediction_id)
    call(path, one)

    with django_assert_max_num_queries(2):  # one look, and the nudge
        assert call(path, one) == 204
