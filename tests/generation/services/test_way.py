"""The way of one job against the sandbox, over real HTTP: what each answer of the provider leads to."""

from decimal import Decimal

import pytest
import requests

from billing.ledger import differences
from billing.models import Hold, Period
from generation import services
from generation.models import FINAL, Alert, Difference, Gate, Job, Status
from tests.engine import run, turn
from tests.make import ACTOR, make_spec

pytestmark = pytest.mark.django_db


def order(user, prompt="A red fox in snow", **wish) -> Job:
    return services.create(user, make_spec(prompt, **wish), by=ACTOR)


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize(("duration", "cost"), [(6, "0.36"), (8, "0.48"), (10, "0.60")])
def test_a_prompt_becomes_a_stored_and_paid_video(sandbox, alice, duration, cost, sound):
    job = run(order(alice, duration=duration, generate_audio=sound))

    assert job.status == Status.SUCCEEDED
    assert job.duration == pytest.approx(duration, abs=0.1)
    assert job.has_audio is sound
    assert job.video.storage.size(job.video.name) == job.size_bytes
    with job.poster.open() as poster:
        assert poster.read(2) == b"\xff\xd8"
    assert len(job.sha256) == 64
    period = Period.objects.get()
    assert Decimal(period.spend_spent) / 1_000_000 == Decimal(cost)
    assert (period.spend_held, period.videos_spent, period.seconds_spent) == (0, 1, duration)
    assert sandbox.stats()["submissions"] == 1
    assert not list(differences())


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("failed", "provider_failed"),
        ("moderated", "moderated"),
        ("timeout", "provider_timeout"),
        ("cancelled", "provider_canceled"),
        ("deleted", "provider_canceled"),
        ("refused", "refused"),
        ("refused_envelope", "refused"),
        ("no_outputs", "no_output"),
        ("gone", "output_gone"),
        ("html", "no_video"),
        ("garbage", "no_video"),
        ("empty", "no_video"),
    ],
)
def test_what_fails_is_not_charged(sandbox, alice, fault, code):
    job = run(order(alice, f"A red fox [fault:{fault}]"))

    assert (job.status, job.error_code) == (Status.FAILED, code)
    assert job.error_message.endswith(".")
    assert job.hold.state == Hold.State.RELEASED
    assert Period.objects.get().spend_held == 0
    assert bool(job.prediction_id) == (code != "refused")
    assert not list(differences())


def test_a_failure_keeps_the_provider_s_own_words(sandbox, alice):
    failed, moderated = (run(order(alice, f"A red fox [fault:{fault}]")) for fault in ("failed", "moderated"))

    said = [
        requests.get(
            f"{sandbox.url}/api/v3/predictions/{job.prediction_id}/result",
            headers={"Authorization": "Bearer x"},
            timeout=10,
        ).json()["data"]["error"]
        for job in (failed, moderated)
    ]
    assert all(said)
    assert [failed.provider_error, moderated.provider_error] == said
    assert failed.error_message != moderated.error_message


@pytest.mark.parametrize("fault", ["cancelled", "deleted"])
def test_what_was_ended_at_the_provider_is_not_charged_and_noted_since_it_may_be_billed(sandbox, alice, fault):
    job = run(order(alice, f"A red fox [fault:{fault}]"))

    assert (job.status, job.hold.state) == (Status.FAILED, Hold.State.RELEASED)
    difference = Difference.objects.get()
    assert (difference.kind, difference.job, difference.theirs) == (Difference.Kind.CANCELED_THERE, job, fault)


@pytest.mark.parametrize(
    "fault", ["503_polling*2", "5003_polling*1", "unknown_status*3", "cut*1", "503_output*1", "output_object"]
)
def test_what_passes_by_itself_still_ends_well(sandbox, alice, fault):
    job = run(order(alice, f"A red fox [fault:{fault}]"))

    assert job.status == Status.SUCCEEDED
    assert job.hold.state == Hold.State.SETTLED
    assert sandbox.stats()["submissions"] == 1


@pytest.mark.parametrize(
    "fault",
    [
        "500_before",
        "5003_before",
        "408_before",
        "dropped_before",
        "plain_429",
        "500_after",
        "5003",
        "dropped",
        "unreadable",
        "no_id",
        "plain_429_after",
    ],
)
def test_an_answer_that_says_nothing_is_never_sent_again(sandbox, alice, fault):
    sandbox.set(faults=[fault])
    job = run(order(alice), until=FINAL | {Status.UNKNOWN})
    for _ in range(3):
        turn()

    job.refresh_from_db()
    assert job.status == Status.UNKNOWN
    assert job.hold.state == Hold.State.HELD
    stats = sandbox.stats()
    assert stats["submissions"] <= 1
    assert sum(number for route, number in stats["requests"].items() if "{model" in route) == 1


def test_an_endless_output_fails_after_three_times_and_is_not_charged(sandbox, alice, settings):
    settings.DOWNLOAD_SIZE_LIMIT = 3_000_000
    job = run(order(alice, "A red fox [fault:endless]"))

    assert (job.status, job.error_code, job.bad_files) == (Status.FAILED, "no_video", 3)
    assert job.hold.state == Hold.State.RELEASED
    assert Difference.objects.get().kind == Difference.Kind.PAID_FOR_NOTHING


@pytest.mark.parametrize("fault", ["cut_always", "slow_drip=60"])
def test_an_output_that_never_comes_whole_is_fetched_again_and_keeps_its_money(sandbox, alice, settings, fault):
    settings.DOWNLOAD_TIME_LIMIT = 0.3
    job = run(order(alice, f"A red fox [fault:{fault}]"), until={Status.COLLECTING})
    for _ in range(3):
        turn()

    job.refresh_from_db()
    assert (job.status, job.video.name, job.bad_files) == (Status.COLLECTING, "", 0)
    assert job.attempts >= 2
    assert job.hold.state == Hold.State.HELD


@pytest.mark.parametrize("fault", ["no_credit", "unauthorized"])
def test_a_refusal_of_the_account_closes_the_gate_and_fails_nobody(sandbox, alice, fault):
    sandbox.set(faults=[f"{fault}*1"])
    job = order(alice)
    turn()

    job.refresh_from_db()
    assert job.status == Status.QUEUED
    assert job.hold.state == Hold.State.HELD
    gate = Gate.objects.get()
    assert gate.closed_at
    assert Alert.objects.get().text.startswith(gate.closed_reason)  # operators are told
    assert "WaveSpeed refuses the account" in gate.closed_reason
    turn()
    job.refresh_from_db()
    assert job.status == Status.QUEUED

    services.open_gate()
    assert run(job).status == Status.SUCCEEDED


@pytest.mark.parametrize(
    ("fault", "what"), [("wrong_size", "size"), ("wrong_length", "duration"), ("no_sound", "audio")]
)
def test_what_is_not_as_wished_is_kept_and_flagged(sandbox, alice, fault, what):
    job = run(order(alice, f"A red fox [fault:{fault}]"))

    assert job.status == Status.SUCCEEDED
    assert what in {flag["what"] for flag in job.flags}


def test_a_job_that_surely_was_not_sent_waits_and_goes_later(sandbox, alice, settings):
    there, settings.WAVESPEED_URL = settings.WAVESPEED_URL, "http://127.0.0.1:9"
    job = order(alice)
    turn()
    job.refresh_from_db()
    assert (job.status, job.attempts) == (Status.QUEUED, 1)
    assert job.due_at

    settings.WAVESPEED_URL = there
    assert run(job).status == Status.SUCCEEDED


@pytest.mark.parametrize("fault", ["rate_limited*1", "rate_limited_retry_after*1"])
def test_a_limit_of_the_account_delays_and_fails_nobody(sandbox, alice, fault):
    sandbox.set(faults=[fault])

    job = run(order(alice))

    assert job.status == Status.SUCCEEDED
    assert "submitting" in job.events.filter(to_status="queued").values_list("from_status", flat=True)
    assert sandbox.stats()["submissions"] == 1


def test_ignored_parameters_are_not_sent(sandbox, alice):
    job = run(order(alice, seed=7, negative_prompt="rain"))

    assert [warning["parameter"] for warning in job.warnings] == ["negative_prompt", "seed"]
    assert job.status == Status.SUCCEEDED  # the sandbox refuses what its schema does not know
