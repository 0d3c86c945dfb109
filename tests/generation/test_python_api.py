"""A video from Python: `from generation import ai_video_generate`."""

import asyncio
import subprocess
import sys
import threading
from decimal import Decimal
from io import BytesIO

import pytest
from django.db import InterfaceError, OperationalError

import generation
from billing.models import Hold
from generation import (
    Canceled,
    Deleted,
    Failed,
    InvalidInput,
    NotDelivered,
    Refused,
    TimedOut,
    VideoError,
    ai_video_generate,
    resume_video,
    services,
)
from generation.calls import giving, waiting
from generation.calls.waiting import Stages
from generation.models import Job, Status
from generation.storage import probe
from tests import engine, media
from tests.calls import bring_to_life, call, run, run_with_engine
from tests.make import ACTOR, make_job, make_plan, make_user
from tests.processes import engine as processes
from tests.processes import wait_for_life

pytestmark = pytest.mark.django_db(transaction=True)

KEYS = [
    *("video_bytes", "prompt", "duration", "model_name", "provider", "cost", "resolution", "width", "height"),
    *("source_video_url", "prediction_id", "job_id", "metadata", "warnings"),
]


@pytest.fixture
def life(db):
    """Let watcher and workers look alive."""
    bring_to_life()


@pytest.fixture
def made(sandbox, alice) -> Job:
    """Is a job of Alice's that has its video."""
    return engine.run(make_job(alice))


# --- What comes back --------------------------------------------------------------------------------------------------


def test_a_call_returns_the_video_and_what_there_is_to_say_of_it(sandbox, life, alice, tmp_path):
    result = run_with_engine(call(alice, duration=8))

    job = Job.objects.get()
    (tmp_path / "out.mp4").write_bytes(result["video_bytes"])
    assert list(result) == KEYS
    assert probe(tmp_path / "out.mp4").duration == result["duration"] == pytest.approx(8, abs=0.1)
    assert (result["prompt"], result["provider"]) == ("A red fox", "wavespeed")
    assert (result["model_name"], result["resolution"]) == ("lightricks/ltx-2-pro/text-to-video", "1080p")
    assert (result["width"], result["height"]) == (job.width, job.height)
    assert (result["job_id"], result["prediction_id"]) == (str(job.pk), job.prediction_id)
    assert result["warnings"] == []


def test_the_cost_is_an_exact_decimal_and_what_was_charged(sandbox, life, alice):
    result = run_with_engine(call(alice, duration=6))

    assert isinstance(result["cost"], Decimal)
    assert result["cost"] == Decimal("0.36")
    assert Hold.objects.get().state == Hold.State.SETTLED
    assert Hold.objects.get().spend == result["cost"] * 1_000_000


def test_the_source_address_is_our_own_route(made, settings):
    settings.PUBLIC_URL = "https://videos.example.org"

    result = run(resume_video(made.pk))

    assert result["source_video_url"] == f"https://videos.example.org/api/v1/jobs/{made.pk}/video"


def test_metadata_says_what_was_ordered_and_what_differs(sandbox, life, alice):
    metadata = run_with_engine(call(alice, generate_audio=False))["metadata"]

    assert metadata["operation_type"] == "text-to-video"
    assert metadata["parameters"] == {"duration": 6, "generate_audio": False}
    assert (metadata["ordered_duration"], metadata["billed_seconds"], metadata["has_audio"]) == (6.0, 6, False)
    assert [flag["what"] for flag in metadata["flags"]] == ["size"]  # the sandbox of the tests renders tiny pictures


def test_an_ignored_parameter_gives_one_warning_in_result_and_log(sandbox, life, alice, caplog):
    result = run_with_engine(call(alice, seed=7, negative_prompt="rain", resolution=None))

    assert [warning["parameter"] for warning in result["warnings"]] == ["negative_prompt", "seed"]
    logged = [record.getMessage() for record in caplog.records if "parameter ignored" in record.getMessage()]
    assert len(logged) == 2


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        ({"size": "480*832"}, "480p"),
        ({"resolution": "480p", "aspect_ratio": "9:16"}, "480p"),
        ({}, "720p"),
    ],
)
def test_hunyuan_s_resolution_is_that_of_its_size(sandbox, life, alice, wish, expected):
    assert run_with_engine(call(alice, model="hunyuan-video-1.5", **wish))["resolution"] == expected


def test_an_address_or_a_username_stands_for_its_user(sandbox, life, alice):
    for user_id in (alice.email.upper(), alice.username):
        run_with_engine(call(alice, user_id=user_id))

    assert [job.user_id for job in Job.objects.all()] == [alice.pk, alice.pk]


def test_ten_calls_share_one_event_loop_and_few_threads(sandbox, life):
    user = make_user(plan=make_plan())
    before, most = threading.active_count(), 0

    def count(progress, message):
        nonlocal most
        most = max(most, threading.active_count())

    async def all_at_once():
        return await asyncio.gather(*(call(user, prompt=f"Fox {n}", progress_callback=count) for n in range(10)))

    results = run_with_engine(all_at_once())

    assert [result["prompt"] for result in results] == [f"Fox {n}" for n in range(10)]
    assert len({result["job_id"] for result in results}) == 10
    assert most - before < 10


def test_a_picture_becomes_a_video(sandbox, life, alice):
    result = run_with_engine(call(alice, operation_type="image-to-video", image=media.png(), duration=8))

    assert (result["model_name"], result["cost"]) == ("lightricks/ltx-2-pro/image-to-video", Decimal("0.48"))
    assert result["metadata"]["upload"] == str(Job.objects.get().upload_id)
    assert result["video_bytes"]


def test_a_retake_of_a_finished_video_is_named_by_the_height_of_what_came(sandbox, life, made):
    retake = {"model": "ltx-2-retake", "operation_type": "video-to-video", "mode": "replace_audio", "end_time": 2}

    result = run_with_engine(call(made.user, source_job=made.pk, **retake))

    assert (result["metadata"]["source_job"], result["cost"]) == (str(made.pk), Decimal("0.60"))
    assert result["resolution"] == f"{result['height']}p"
    assert result["height"] == made.height
    assert result["duration"] == pytest.approx(6, abs=0.1)


def test_a_retake_of_a_file_costs_by_its_length(sandbox, life, alice):
    retake = {"model": "ltx-2-retake", "operation_type": "video-to-video"}

    result = run_with_engine(call(alice, source=media.mp4(2.0, 160, 90), **retake))

    assert (result["cost"], result["resolution"]) == (Decimal("0.20"), "90p")


@pytest.mark.processes
def test_worker_and_watcher_make_what_python_asks_for(sandbox, alice, tmp_path):
    told = []
    with processes(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        result = run(
            call(
                alice, stream_to=tmp_path / "out.mp4", progress_callback=lambda progress, message: told.append(progress)
            )
        )

    assert probe(tmp_path / "out.mp4").duration == result["duration"]
    assert told[0] == 10
    assert told[-2:] == [90, 100]


# --- Where it goes ----------------------------------------------------------------------------------------------------


def test_a_path_gets_the_whole_file_and_nothing_stays_beside_it(made, tmp_path):
    result = run(resume_video(str(made.pk), stream_to=str(tmp_path / "out.mp4")))

    assert result["video_bytes"] is None
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.mp4"]
    assert (tmp_path / "out.mp4").stat().st_size == made.size_bytes


def test_an_open_file_gets_the_same_bytes_and_stays_open(made):
    file = BytesIO()

    run(resume_video(made.pk, stream_to=file))

    assert file.getvalue() == run(resume_video(made.pk))["video_bytes"]


def test_a_file_that_can_t_be_written_costs_nothing_but_another_call(made, tmp_path):
    class Full(BytesIO):
        def write(self, piece):
            raise OSError(28, "No space left on device")

    with pytest.raises(NotDelivered, match="No space left") as error:
        run(resume_video(made.pk, stream_to=Full()))

    assert (error.value.code, error.value.job_id) == ("not_delivered", str(made.pk))


def test_a_path_is_written_whole_or_not_at_all(made, tmp_path, monkeypatch):
    (tmp_path / "out.mp4").write_bytes(b"as it was")
    made.video.storage.delete(made.video.name)

    with pytest.raises(NotDelivered):
        run(resume_video(made.pk, stream_to=tmp_path / "out.mp4"))

    assert (tmp_path / "out.mp4").read_bytes() == b"as it was"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["out.mp4"]


def test_a_copy_whose_caller_has_gone_leaves_nothing_behind(made, tmp_path):
    gone = threading.Event()
    gone.set()

    with pytest.raises(NotDelivered):
        giving._give(made, tmp_path / "out.mp4", gone)

    assert not [path for path in tmp_path.iterdir() if path.is_file()]


# --- How far it is ----------------------------------------------------------------------------------------------------


def test_the_callback_hears_every_stage_once_and_in_order(sandbox, life, alice):
    told = []

    run_with_engine(call(alice, progress_callback=lambda progress, message: told.append((progress, message))))

    numbers = [progress for progress, _ in told]
    assert numbers == sorted(set(numbers))
    assert (numbers[0], numbers[-2:]) == (10, [90, 100])
    assert any(20 <= number <= 80 for number in numbers)
    assert all(message for _, message in told)


def test_stages_that_passed_between_two_looks_are_told_all_the_same(made):
    told = []

    run(resume_video(made.pk, progress_callback=lambda progress, message: told.append(progress)))

    assert told == [10, 20, 90, 100]


def test_the_number_never_goes_back():
    told = []

    async def jump():
        stages = Stages(lambda progress, message: told.append(progress))
        for number in (0, 10, 10, 45, 30, 45, 61, 90, 80):
            await stages.reach(number, "…")

    asyncio.run(jump())

    assert told == [10, 20, 45, 61, 90]


def test_a_callback_may_be_a_coroutine_function(made):
    told = []

    async def tell(progress, message):
        await asyncio.sleep(0)
        told.append(progress)

    run(resume_video(made.pk, progress_callback=tell))

    assert told == [10, 20, 90, 100]


def test_a_callback_that_raises_is_logged_and_the_video_comes(sandbox, life, alice, caplog):
    def tell(progress, message):
        raise ZeroDivisionError

    result = run_with_engine(call(alice, progress_callback=tell))

    assert result["video_bytes"]
    assert Job.objects.get().status == Status.SUCCEEDED
    assert "progress callback failed" in caplog.text


# --- How it ends ------------------------------------------------------------------------------------------------------


def test_a_call_whose_time_is_over_leaves_the_job_going_and_resume_picks_it_up(sandbox, life, alice):
    with pytest.raises(TimedOut) as error:
        run(call(alice, timeout=0.1))

    job = Job.objects.get()
    assert (error.value.code, error.value.job_id, error.value.prediction_id) == ("timed_out", str(job.pk), None)
    assert job.status == Status.QUEUED
    assert run_with_engine(resume_video(error.value.job_id))["job_id"] == str(job.pk)
    assert Hold.objects.get().state == Hold.State.SETTLED


def test_a_time_limit_names_the_prediction_of_a_job_that_was_sent(sandbox, alice):
    sandbox.set(seconds=60)
    job = engine.run(make_job(alice), until={Status.RUNNING})

    with pytest.raises(TimedOut) as error:
        run(resume_video(job.pk, timeout=0.1))

    assert error.value.prediction_id == job.prediction_id
    assert job.prediction_id in str(error.value)


def test_a_canceled_task_leaves_the_job_going(sandbox, life, alice):
    async def give_up():
        task = asyncio.create_task(call(alice))
        while not await Job.objects.aexists():  # noqa: ASYNC110 - rows give no sign
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(give_up())

    assert engine.run(Job.objects.get()).status == Status.SUCCEEDED


def test_a_database_that_is_away_for_a_moment_ends_no_call(made, monkeypatch, caplog):
    look, broken = waiting._look, [OperationalError, InterfaceError]
    monkeypatch.setattr(waiting, "_look", lambda job_id: _raise(broken.pop()) if broken else look(job_id))

    assert run(resume_video(made.pk))["job_id"] == str(made.pk)
    assert caplog.text.count("database away while waiting") == 2


def _raise(error):
    raise error


def test_a_prompt_that_the_provider_refuses_says_so_and_charges_nothing(sandbox, life, alice):
    with pytest.raises(Refused) as error:
        run_with_engine(call(alice, prompt="A fox [fault:moderated]"))

    job = Job.objects.get()
    assert (error.value.code, error.value.error_code) == ("refused", "moderated")
    assert (error.value.job_id, error.value.prediction_id) == (str(job.pk), job.prediction_id)
    assert "You were not charged; $0.36 is no longer set aside." in str(error.value)
    assert str(job.pk) in str(error.value)


def test_a_job_that_fails_names_job_and_prediction_and_charges_nothing(sandbox, life, alice):
    with pytest.raises(Failed) as error:
        run_with_engine(call(alice, prompt="A fox [fault:failed]"))

    job = Job.objects.get()
    assert (error.value.code, error.value.error_code) == ("failed", job.error_code)
    assert job.prediction_id
    assert error.value.prediction_id == job.prediction_id
    assert "not charged" in str(error.value)
    assert Hold.objects.get().state == Hold.State.RELEASED


def test_a_job_that_was_canceled_says_so(alice):
    job = make_job(alice)
    services.cancel(job.pk, by=ACTOR)

    with pytest.raises(Canceled) as error:
        run(resume_video(job.pk))

    assert (error.value.code, error.value.job_id) == ("canceled", str(job.pk))


def test_a_deleted_video_is_gone(made):
    services.delete(made.pk, by=ACTOR)

    with pytest.raises(Deleted) as error:
        run(resume_video(made.pk))

    assert error.value.code == "deleted"


@pytest.mark.parametrize("job_id", ["", "fox", 7, None, "00000000-0000-0000-0000-000000000000"])
def test_resuming_what_is_no_job_names_the_field(db, job_id):
    with pytest.raises(InvalidInput, match="job_id: "):
        run(resume_video(job_id))


def test_a_job_of_somebody_else_does_not_exist_for_a_user(made, bob):
    with pytest.raises(InvalidInput, match="is not the id of a job"):
        run(resume_video(made.pk, user_id=bob.email))

    assert run(resume_video(made.pk, user_id=made.user_id))["job_id"] == str(made.pk)


# --- The door ---------------------------------------------------------------------------------------------------------


def test_everything_is_there_by_name_and_nothing_else():
    for name in generation.__all__:
        assert getattr(generation, name).__name__ == name
    with pytest.raises(AttributeError):
        generation.ai_video_guess  # noqa: B018
    assert issubclass(TimedOut, VideoError)
    assert asyncio.iscoroutinefunction(ai_video_generate)


def test_the_package_and_its_errors_are_imported_before_django_is_ready():
    code = "import generation; from generation import EngineDown, VideoError; print(EngineDown.code)"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env={})

    assert (ended.stdout, ended.stderr) == ("engine_down\n", "")
