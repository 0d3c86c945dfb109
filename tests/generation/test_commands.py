"""manage.py generate, as somebody at a terminal uses it."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from billing.models import Hold, Period
from billing.money import dollars
from generation.calls.waiting import looks
from generation.models import Heartbeat, Job, Status, Upload
from generation.storage import probe
from tests import engine as steps
from tests import media
from tests.calls import bring_to_life, run
from tests.make import make_job, make_plan, make_user
from tests.processes import engine, wait_for_life

# It works in a thread of its own, and with that on a connection of its own.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def life(db):
    """Let watcher and workers look alive."""
    bring_to_life()


def generate(*arguments: str, prompt: str = "A red fox") -> None:
    call_command("generate", prompt, *arguments)


@contextmanager
def turning() -> Iterator[None]:
    """Turn the engine beside the block."""
    done = threading.Event()

    def turn() -> None:
        try:
            while not done.wait(0.02):
                steps.turn()
        finally:
            connection.close()

    thread = threading.Thread(target=turn)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_nothing_is_held_when_nobody_would_work_on_the_job(alice):
    with pytest.raises(CommandError, match=r"no sign of life from watcher, clapboard, collect"):
        generate("--user", alice.email, "--model", "ltx-2-pro")

    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--model", "ltx-2"],
            '"ltx-2" is not a model we offer; allowed: ltx-2-pro, ltx-2-fast, hunyuan-video-1.5, ltx-2-retake.',
        ),
        (["--model", "ltx-2-pro", "--duration", "7"], "duration: 7 is not offered; allowed: 6, 8 or 10"),
        (["--model", "ltx-2-pro", "-o", "/no/such/folder/out.mp4"], 'the folder "/no/such/folder" does not exist'),
        (["--model", "ltx-2-pro", "--size", "1280*720"], 'size: LTX-2 Pro has no parameter "size"'),
        (["--model", "ltx-2-pro", "--aspect", "9:16"], '--aspect: LTX-2 Pro has no parameter "aspect_ratio"'),
        (["--model", "ltx-2-pro", "--mode", "replace_audio"], 'mode: LTX-2 Pro has no parameter "mode"'),
        (["--model", "ltx-2-pro", "--from", "2"], '--from: LTX-2 Pro has no parameter "start_time"'),
        (["--model", "hunyuan-video-1.5", "--size", "1920*1080"], 'size: "1920*1080" is not offered; allowed: 832*480'),
        (
            ["--model", "hunyuan-video-1.5", "--resolution", "8k"],
            'resolution: "8k" is not offered; allowed: 480p or 720p',
        ),
        (["--model", "hunyuan-video-1.5", "--seed", "-2"], "seed: -2 is out of range; allowed: -1 to 2147483647"),
        (["--model", "ltx-2-retake"], "--source: This is required: a file, or the id of a job that has a video."),
        (
            ["--model", "ltx-2-retake", "--source", "no.mp4"],
            '--source: "no.mp4" is no file that can be read; allowed: a file, or the id of a job that has a video.',
        ),
        (["--model", "ltx-2-retake", "--source", "0" * 8 + "-0000" * 3 + "-" + "0" * 12], "is not one of your jobs"),
        (
            ["--model", "ltx-2-pro", "--image", "no.png"],
            '--image: "no.png" is no file that can be read; allowed: a file, or the id of an upload.',
        ),
        (
            ["--model", "ltx-2-pro", "--image", "0" * 8 + "-0000" * 3 + "-" + "0" * 12],
            "is not one of your uploads; allowed: the id of one.",
        ),
        (
            ["--model", "ltx-2-pro", "--max-cost", "free"],
            '--max-cost: "free" is no amount; allowed: dollars above 0, such as 0.36.',
        ),
        (["--model", "ltx-2-pro", "--max-cost", "0.35"], "This costs $0.36 now, which is more than --max-cost allows."),
    ],
)
def test_bad_input_names_field_value_and_what_is_allowed(alice, life, arguments, message):
    with pytest.raises(CommandError) as refusal:
        generate("--user", alice.email, *arguments)

    assert message in str(refusal.value)
    assert not Job.objects.exists()


def test_a_user_nobody_knows_is_named(life):
    words = r'--user: "nobody@example.org" is no active user; allowed: an e-mail address or username\.'
    with pytest.raises(CommandError, match=words):
        generate("--user", "nobody@example.org", "--model", "ltx-2-pro")


def test_what_does_not_fit_says_what_is_needed_and_left(life):
    user = make_user(plan=make_plan(spend_limit=300_000))

    with pytest.raises(CommandError, match=r"\$0.36 needed, \$0.30 left until"):
        generate("--user", user.email, "--model", "ltx-2-pro")


def test_a_picture_becomes_a_video_and_what_is_ignored_is_told(sandbox, life, alice, tmp_path, capsys):
    (tmp_path / "fox.png").write_bytes(media.png())

    with turning():
        generate(
            *("--user", alice.email, "--model", "ltx-2-pro", "--image", str(tmp_path / "fox.png")),
            *("--seed", "7", "--no-audio", "--max-cost", "0.36", "-o", str(tmp_path / "out.mp4")),
        )

    said = capsys.readouterr()
    job = Job.objects.get()
    assert said.out.splitlines() == [f"job {job.pk}, $0.36 set aside", f"$0.36 charged. {tmp_path / 'out.mp4'}"]
    assert "LTX-2 Pro, from a picture has no seed; it is ignored." in said.err
    assert "100 % Ready" in said.err
    assert job.upload.name == "fox.png"
    assert not probe(tmp_path / "out.mp4").has_audio


def test_a_job_that_nobody_works_on_says_what_to_start(life, alice):
    job = make_job(alice)
    assert run(anext(looks(job.pk))).message == "In the queue."

    Heartbeat.objects.filter(name="watcher").update(beat_at=timezone.now() - timedelta(seconds=13))
    words = "In the queue. No sign of life from watcher, for which it waits. Start `make run`, or `manage.py worker`"
    assert run(anext(looks(job.pk))).message.startswith(words)


def test_every_parameter_of_a_model_can_be_said(sandbox, life, alice, capsys):
    with turning():
        generate(
            *("--user", alice.username, "--model", "hunyuan-video-1.5", "--duration", "8", "--resolution", "480p"),
            *("--aspect", "9:16", "--negative-prompt", "rain", "--seed", "7"),
        )

    expected = {"size": "480*832", "duration": 8, "negative_prompt": "rain", "seed": 7}
    job = Job.objects.get()
    assert job.parameters == expected
    said = capsys.readouterr().out
    assert said.splitlines()[-1] == f"${dollars(job.hold.spend)} charged. Stored as {job.video.path}"
    assert probe(Path(job.video.path)).duration == pytest.approx(8, abs=0.1)


@pytest.mark.parametrize("kind", ["a file", "a job"])
def test_a_part_of_a_video_is_retaken(sandbox, life, alice, tmp_path, kind):
    first = steps.run(make_job(alice))
    (tmp_path / "fox.mp4").write_bytes(media.mp4(2.0))
    source = str(first.pk) if kind == "a job" else str(tmp_path / "fox.mp4")

    with turning():
        generate(
            *("--user", alice.email, "--model", "ltx-2-retake", "--source", source, "--mode", "replace_audio"),
            *("--from", "0.5", "--to", "1.5"),
        )

    job = Job.objects.exclude(pk=first.pk).get()
    assert (job.status, job.hold.seconds) == (Status.SUCCEEDED, 6 if kind == "a job" else 2)
    assert job.parameters == {"mode": "replace_audio", "start_time": 0.5, "end_time": 1.5}
    assert (job.source_job == first) == (kind == "a job")


def test_an_upload_of_a_refused_call_goes_again(life, tmp_path):
    user = make_user(plan=make_plan(videos_limit=0))
    (tmp_path / "fox.png").write_bytes(media.png())

    with pytest.raises(CommandError, match="1 videos needed, 0 left"):
        generate("--user", user.email, "--model", "ltx-2-pro", "--image", str(tmp_path / "fox.png"))

    assert Upload.objects.get().deleted_at


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Let a child be interrupted, also where the tests run in the background of a shell, which has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_leaves_the_job_going_and_names_it(life, alice, ctrl_c):
    with engine("http://127.0.0.1:9") as rig:
        command = [sys.executable, "manage.py", "generate", "A red fox", "--user", alice.email, "--model", "ltx-2-pro"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=rig.environment, stdout=pipe, stderr=pipe, text=True) as process:
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
            rest, errors = process.communicate(timeout=30)

    job = Job.objects.get()
    assert first == f"job {job.pk}, $0.36 set aside\n"
    assert (process.returncode, rest) == (0, f"\nThe job goes on: {job.pk}\n")
    assert "Traceback" not in errors
    assert job.status == Status.QUEUED


@pytest.mark.processes
def test_it_shows_progress_and_leaves_the_file(sandbox, tmp_path):
    user = make_user()
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        command = [sys.executable, "manage.py", "generate", "A red fox", "--user", user.email, "--model", "ltx-2-pro"]
        ended = subprocess.run(
            [*command, "--duration", "8", "-o", str(tmp_path / "out.mp4")],
            env=rig.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert ended.returncode == 0, ended.stderr
    assert "$0.48 charged." in ended.stdout
    assert "100 % Ready" in ended.stderr
    assert probe(tmp_path / "out.mp4").duration == pytest.approx(8, abs=0.1)
    assert Period.objects.get().spend_spent == 480_000


@pytest.mark.processes
def test_a_job_that_fails_says_why_and_that_nothing_was_charged(sandbox):
    user = make_user()
    with engine(sandbox.url) as rig:
        rig.start("watch", "worker")
        wait_for_life()
        command = [sys.executable, "manage.py", "generate", "A fox [fault:moderated]", "--user", user.email]
        ended = subprocess.run(
            [*command, "--model", "ltx-2-pro"], env=rig.environment, capture_output=True, text=True, check=False
        )

    assert ended.returncode == 1
    assert "safety filter" in ended.stderr
    assert "You were not charged; $0.36 is no longer set aside." in ended.stderr
