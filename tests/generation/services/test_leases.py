"""What dies in the middle: fence, leases and the sweep. Each step is cut off where a kill would cut it."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from billing.models import Hold
from generation import services, storage, tasks
from generation.models import Job, JobEvent, Status
from generation.providers.errors import NotFound, RefusedForAccount, RefusedForJob, Unavailable
from generation.providers.predictions import Prediction
from generation.services import collecting, submitting, sweeping
from generation.services.transitions import fail
from tests.engine import run, turn
from tests.make import ACTOR, make_job, make_user
from tests.processes import wait_until

pytestmark = pytest.mark.django_db


class Killed(BaseException):
    """What a kill -9 looks like from inside: nothing after it runs."""


def killed_at(monkeypatch, where: str, step: Callable[[], None]) -> None:
    """Run a step that is killed when it comes to `where`."""

    def kill(*args: object, **kwargs: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, kill)
        with pytest.raises(Killed):
            step()


def expire_leases() -> None:
    Job.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))


def handed_job(user) -> Job:
    job = make_job(user)
    services.dispatch()
    job.refresh_from_db()
    return job


def prediction(job: Job, status: str = "processing", **fields) -> Prediction:
    known = {"id": job.prediction_id, "model": job.model, "status": status, "outputs": (), "error": "", "code": None}
    rest = {"has_nsfw": False, "created_at": "", "inputs": None, "execution_ms": None}
    return Prediction(**(known | rest | fields))


# --- submit -----------------------------------------------------------------------------------------------------------


def test_two_hints_of_one_job_send_it_once(sandbox, alice):
    job = handed_job(alice)

    services.submit(job.pk)
    services.submit(job.pk)

    assert sandbox.stats()["submissions"] == 1


def test_a_hint_that_comes_after_its_lease_sends_nothing(sandbox, alice):
    job = handed_job(alice)
    expire_leases()

    services.submit(job.pk)

    job.refresh_from_db()
    assert job.status == Status.QUEUED
    assert sandbox.stats()["submissions"] == 0


def test_a_job_that_nobody_handed_over_is_not_sent(sandbox, alice):
    job = make_job(alice)

    services.submit(job.pk)

    assert sandbox.stats()["submissions"] == 0


def test_killed_before_the_fence_it_is_handed_over_again_and_sent_once(sandbox, alice, monkeypatch):
    job = handed_job(alice)
    killed_at(monkeypatch, "generation.services.submitting._fence", lambda: services.submit(job.pk))
    expire_leases()

    assert run(job).status == Status.SUCCEEDED
    assert sandbox.stats()["submissions"] == 1


@pytest.mark.parametrize(
    ("where", "sent"),
    [("generation.providers.wavespeed.WaveSpeed.submit", 0), ("generation.services.submitting._attach", 1)],
)
def test_killed_around_the_post_it_stands_unknown_and_is_never_sent_again(sandbox, alice, monkeypatch, where, sent):
    job = handed_job(alice)
    killed_at(monkeypatch, where, lambda: services.submit(job.pk))
    services.sweep()
    job.refresh_from_db()
    assert job.status == Status.SUBMITTING  # its lease still stands

    expire_leases()
    turn()
    turn()

    job.refresh_from_db()
    assert job.status == Status.UNKNOWN
    assert job.hold.state == Hold.State.HELD
    assert sandbox.stats()["submissions"] == sent


def test_an_answer_that_comes_after_the_lease_still_attaches(sandbox, alice, monkeypatch):
    job = handed_job(alice)
    attach = submitting._attach

    def attach_late(*args):
        expire_leases()
        services.sweep()
        assert Job.objects.get().status == Status.UNKNOWN
        attach(*args)

    monkeypatch.setattr(submitting, "_attach", attach_late)
    services.submit(job.pk)

    assert run(job).status == Status.SUCCEEDED
    assert sandbox.stats()["submissions"] == 1


def test_the_fence_s_lease_outlives_the_longest_post(sandbox, alice, monkeypatch):
    job = handed_job(alice)
    killed_at(monkeypatch, "generation.providers.wavespeed.WaveSpeed.submit", lambda: services.submit(job.pk))

    job.refresh_from_db()
    bound = submitting.wavespeed().submit_bound
    assert (job.lease_until - job.submit_started_at).total_seconds() > bound


def test_a_prediction_that_is_another_job_s_is_not_attached_twice(sandbox, alice, monkeypatch):
    other = make_job(alice, status=Status.RUNNING)
    job = handed_job(alice)
    monkeypatch.setattr("generation.providers.wavespeed.WaveSpeed.submit", lambda *_, **__: prediction(other))

    services.submit(job.pk)

    job.refresh_from_db()
    assert (job.status, job.prediction_id) == (Status.UNKNOWN, None)


# --- poll -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["created", "processing", "queued", "paused", "", "COMPLETED?", "kaputt"])
def test_a_status_that_is_no_end_keeps_waiting(alice, status):
    job = make_job(alice, status=Status.RUNNING)

    services.polled(job.pk, prediction(job, status))

    job.refresh_from_db()
    assert job.status == Status.RUNNING
    assert job.due_at > timezone.now()


@pytest.mark.parametrize("error", [Unavailable("away"), NotFound("gone"), RefusedForAccount("bad key")])
def test_no_answer_says_nothing_about_the_prediction(alice, error):
    job = make_job(alice, status=Status.RUNNING)

    services.unreachable(job.pk, error)

    job.refresh_from_db()
    assert job.status == Status.RUNNING
    assert job.hold.state == Hold.State.HELD
    services.the_gate()
    assert bool(services.the_gate().closed_at) == isinstance(error, RefusedForAccount)


def test_past_the_time_limit_a_job_is_late_once_and_looked_at_rarely(alice):
    job = make_job(alice, status=Status.RUNNING, submitted_at=timezone.now() - timedelta(minutes=11))

    services.polled(job.pk, prediction(job))
    services.polled(job.pk, prediction(job))

    job.refresh_from_db()
    assert job.status == Status.RUNNING
    assert job.late_at
    assert job.due_at > timezone.now() + timedelta(seconds=20)
    assert JobEvent.objects.filter(note__contains="time limit").count() == 1


@pytest.mark.parametrize(("days", "status"), [(6.9, Status.RUNNING), (7.1, Status.FAILED)])
def test_only_after_seven_days_without_a_verdict_time_ends_a_job(alice, days, status):
    job = make_job(alice, status=Status.RUNNING, submitted_at=timezone.now() - timedelta(days=days))

    services.polled(job.pk, prediction(job))

    job.refresh_from_db()
    assert job.status == status
    assert job.hold.state == (Hold.State.RELEASED if status == Status.FAILED else Hold.State.HELD)


def test_an_end_that_is_told_twice_is_one_end(alice):
    job = make_job(alice, status=Status.RUNNING)
    completed = prediction(job, "completed", outputs=("https://cdn.example/x.mp4",))

    services.polled(job.pk, completed)
    services.polled(job.pk, completed)
    services.polled(job.pk, prediction(job, "failed"))

    job.refresh_from_db()
    assert job.status == Status.COLLECTING
    assert OrmQ.objects.count() == 1


def test_an_answer_about_another_prediction_changes_nothing(alice):
    job = make_job(alice, status=Status.RUNNING)

    services.polled(job.pk, prediction(job, "failed", id="f" * 32))

    job.refresh_from_db()
    assert job.status == Status.RUNNING


def test_a_due_job_is_claimed_by_one_watcher(alice):
    make_job(alice, status=Status.RUNNING)
    now = timezone.now()

    first = Job.objects.claim(now, timedelta(seconds=60), 10)
    second = Job.objects.claim(now, timedelta(seconds=60), 10)

    assert (len(first), len(second)) == (1, 0)


# --- collect ----------------------------------------------------------------------------------------------------------


def test_two_hints_of_one_video_collect_and_charge_it_once(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    fetched = []
    keep = storage.keep
    monkeypatch.setattr(storage, "keep", lambda *args: fetched.append(args) or keep(*args))

    tasks.collect(str(job.pk))
    tasks.collect(str(job.pk))

    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert len(fetched) == 1


@pytest.mark.parametrize(
    "step", ["generation.storage.keep", "generation.storage.probe", "generation.services.collecting._finish"]
)
def test_killed_while_collecting_it_is_fetched_again_and_charged_once(sandbox, alice, monkeypatch, step):
    job = made_and_handed(alice, monkeypatch)
    killed_at(monkeypatch, step, lambda: services.collect(job.pk))
    expire_leases()

    job = run(job)

    assert job.status == Status.SUCCEEDED
    assert job.hold.state == Hold.State.SETTLED
    assert job.hold.entries.filter(kind="settle").count() == 1
    assert sandbox.stats()["submissions"] == 1
    folder = job.video.storage.path("videos")
    assert job.video.storage.listdir(folder)[1] == [f"{job.pk}.mp4"]


def test_given_up_while_it_is_collected_a_job_leaves_no_files(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    keep = storage.keep

    def keep_too_late(*args):
        stored = keep(*args)
        assert services.give_up(job.pk, reason="the user waits", by=ACTOR)
        return stored

    monkeypatch.setattr(storage, "keep", keep_too_late)
    services.collect(job.pk)

    assert Job.objects.get().status == Status.FAILED
    assert not default_storage.exists(f"videos/{job.pk}.mp4")
    assert not default_storage.exists(f"posters/{job.pk}.jpg")


def test_given_up_after_its_collector_was_killed_a_job_leaves_no_files(
    sandbox, alice, monkeypatch, django_capture_on_commit_callbacks
):
    job = made_and_handed(alice, monkeypatch)
    killed_at(monkeypatch, "generation.services.collecting._finish", lambda: services.collect(job.pk))
    assert default_storage.exists(f"videos/{job.pk}.mp4")

    with django_capture_on_commit_callbacks(execute=True):
        services.give_up(job.pk, reason="the user waits", by=ACTOR)

    assert not default_storage.exists(f"videos/{job.pk}.mp4")
    assert not default_storage.exists(f"posters/{job.pk}.jpg")


def test_a_hint_of_a_video_in_other_hands_does_nothing(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    Job.objects.update(handed_at=None)

    services.collect(job.pk)

    job.refresh_from_db()
    assert job.status == Status.COLLECTING


def test_a_video_that_ended_otherwise_meanwhile_is_not_charged(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    keep = storage.keep

    def keep_too_late(*args):
        stored = keep(*args)
        fail(Job.objects.get(), code="x", message="x.", now=timezone.now(), by=ACTOR)
        return stored

    monkeypatch.setattr(storage, "keep", keep_too_late)
    services.collect(job.pk)

    job.refresh_from_db()
    assert job.status == Status.FAILED
    assert job.hold.state == Hold.State.RELEASED


def made_and_handed(user, monkeypatch) -> Job:
    """Return a job whose video waits to be collected."""
    with monkeypatch.context() as patch:
        patch.setattr("tests.engine.services.collect", lambda _: None)
        return run(make_job(user), until={Status.COLLECTING})


# --- everything else --------------------------------------------------------------------------------------------------


def test_a_hint_never_raises(alice, monkeypatch, caplog):
    monkeypatch.setattr(services, "submit", lambda _: 1 / 0)

    tasks.submit(str(uuid.uuid4()))

    assert "step failed" in caplog.text


def test_the_queued_jobs_of_a_deactivated_user_are_canceled_and_the_others_go_on():
    user = make_user()
    jobs = {status: make_job(user, status=status) for status in (Status.QUEUED, Status.RUNNING)}
    user.is_active = False
    user.save()

    services.sweep()

    for job in jobs.values():
        job.refresh_from_db()
    assert jobs[Status.QUEUED].status == Status.CANCELED
    assert jobs[Status.QUEUED].hold.state == Hold.State.RELEASED
    assert jobs[Status.RUNNING].status == Status.RUNNING


def test_a_healthy_house_needs_no_sweep(alice):
    for status in Status.values:
        make_job(alice, status=Status(status), lease_until=timezone.now() + timedelta(minutes=1))

    assert services.sweep() == 0


@pytest.mark.django_db(transaction=True)
def test_a_collector_holds_its_job_for_as_long_as_it_works(sandbox, alice, monkeypatch, settings):
    settings.HAND_LEASE = 0.4
    job = made_and_handed(alice, monkeypatch)
    keep, leases = storage.keep, []

    def keep_slowly(*args):
        first = Job.objects.get().lease_until
        wait_until(lambda: Job.objects.get().lease_until > first, "a renewed lease")
        leases.append(Job.objects.get().lease_until)
        return keep(*args)

    monkeypatch.setattr(storage, "keep", keep_slowly)
    services.collect(job.pk)

    job.refresh_from_db()
    assert job.status == Status.SUCCEEDED
    assert len(leases) == 1


# --- what reviewers found ---------------------------------------------------------------------------------------------


def test_an_answer_is_written_down_when_the_database_comes_back(sandbox, alice, monkeypatch):
    job = handed_job(alice)
    attach, tries = submitting._attach, []

    def attach_at_the_second_try(*args):
        tries.append(args)
        if len(tries) == 1:
            raise OperationalError("terminating connection due to administrator command")
        attach(*args)

    monkeypatch.setattr(submitting, "_attach", attach_at_the_second_try)
    monkeypatch.setattr(submitting.connection, "close", lambda: None)  # the test's own
    services.submit(job.pk)

    job.refresh_from_db()
    assert job.status == Status.RUNNING
    assert len(tries) == 2


def test_an_old_hint_and_the_sweep_do_not_give_one_video_to_two(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    expire_leases()
    assert collecting._claim(job.pk)  # the old hint, late

    assert not collecting.hand_to_collectors(job, timezone.now())  # the sweep, from a list that it read before
    assert collecting._claim(job.pk) is None


def test_a_video_that_can_not_be_fetched_for_seven_days_is_given_up(sandbox, alice, monkeypatch):
    job = made_and_handed(alice, monkeypatch)
    Job.objects.update(collecting_at=timezone.now() - timedelta(days=7, minutes=1))
    monkeypatch.setattr(storage, "keep", raising(storage.Interrupted("cut")))

    services.collect(job.pk)

    job.refresh_from_db()
    assert (job.status, job.error_code) == (Status.FAILED, "output_gone")
    assert job.hold.state == Hold.State.RELEASED


@pytest.mark.parametrize("attempts", [0, 3, 1023, 1024, 5000])
def test_what_nobody_foresaw_while_collecting_is_tried_again_later(sandbox, alice, monkeypatch, attempts):
    job = made_and_handed(alice, monkeypatch)
    Job.objects.update(attempts=attempts)
    monkeypatch.setattr(storage, "keep", raising(RuntimeError("a bucket that nobody knows")))

    services.collect(job.pk)

    job.refresh_from_db()
    assert job.status == Status.COLLECTING
    assert job.attempts == attempts + 1
    assert timezone.now() < job.due_at < timezone.now() + timedelta(minutes=11)


def test_a_job_that_could_not_be_sent_a_thousand_times_still_waits(alice, settings):
    settings.WAVESPEED_URL = "http://127.0.0.1:9"
    job = handed_job(alice)
    Job.objects.update(attempts=1024)

    services.submit(job.pk)

    job.refresh_from_db()
    assert job.status == Status.QUEUED


def test_a_gate_that_closed_meanwhile_stops_what_was_handed_over(sandbox, alice):
    job = handed_job(alice)
    services.close_gate("no credit", now=timezone.now())

    services.submit(job.pk)

    job.refresh_from_db()
    assert (job.status, job.handed_at) == (Status.QUEUED, None)
    assert sandbox.stats()["submissions"] == 0


def test_the_sweep_leaves_a_job_alone_that_was_sent_anew_since_it_looked(alice):
    job = make_job(alice, status=Status.SUBMITTING, lease_until=timezone.now() + timedelta(minutes=1))

    assert not sweeping._lose_sight(job, timezone.now())
    assert Job.objects.get().status == Status.SUBMITTING


def test_a_refusal_keeps_the_prediction_that_it_names(alice, monkeypatch):
    job = handed_job(alice)
    monkeypatch.setattr(
        "generation.providers.wavespeed.WaveSpeed.submit", raising(RefusedForJob("no", prediction_id="p1"))
    )

    services.submit(job.pk)

    job.refresh_from_db()
    assert (job.status, job.prediction_id) == (Status.FAILED, "p1")


def raising(error: Exception) -> Callable[..., None]:
    """Return a function that raises."""

    def raise_it(*args: object, **kwargs: object) -> None:
        raise error

    return raise_it
