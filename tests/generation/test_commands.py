"""manage.py generate, as somebody at a terminal uses it."""

import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing.models import Hold, Period
from generation.heart import BEATS
from generation.models import Heartbeat, Job
from generation.storage import probe
from tests.make import make_plan, make_user
from tests.processes import engine, wait_for_life


@pytest.fixture
def life(db):
    """Let watcher and workers look alive."""
    for name in BEATS:
        Heartbeat.objects.create(name=name, beat_at=timezone.now())


def generate(*arguments: str, prompt: str = "A red fox") -> None:
    call_command("generate", prompt, *arguments)


def test_nothing_is_held_when_nobody_would_work_on_the_job(alice):
    with pytest.raises(CommandError, match=r"no sign of life from watcher, clapboard, collect"):
        generate("--user", alice.email, "--model", "ltx-2-pro")

    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "ltx-2"], '"ltx-2" is not a model we offer; allowed: ltx-2-pro'),
        (["--model", "ltx-2-pro", "--duration", "7"], "duration: 7 is not offered; allowed: 6, 8 or 10"),
        (["--model", "ltx-2-pro", "-o", "/no/such/folder/out.mp4"], "the folder '/no/such/folder' does not exist"),
    ],
)
def test_bad_input_names_field_value_and_what_is_allowed(alice, life, arguments, message):
    with pytest.raises(CommandError) as refusal:
        generate("--user", alice.email, *arguments)

    assert message in str(refusal.value)
    assert not Job.objects.exists()


def test_a_user_nobody_knows_is_named(life):
    with pytest.raises(CommandError, match=r"'nobody@example.org'; no active user"):
        generate("--user", "nobody@example.org", "--model", "ltx-2-pro")


def test_what_does_not_fit_says_what_is_needed_and_left(life):
    user = make_user(plan=make_plan(spend_limit=300_000))

    with pytest.raises(CommandError, match=r"\$0.36 needed, \$0.30 left until"):
        generate("--user", user.email, "--model", "ltx-2-pro")


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
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
@pytest.mark.django_db(transaction=True)
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
    assert "You were not charged; $0.36 is back." in ended.stderr
