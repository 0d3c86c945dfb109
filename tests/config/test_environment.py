"""Values that can't be used stop the start: variable, value and what is allowed are named."""

import json
import os
import subprocess
import sys

import pytest
from environ import Env

from config.environment import Environment
from tests.config.test_settings import GOOD, ROOT, start

A_NUMBER = "allowed: a number from 0.01 to 604800."
A_PART = "allowed: a whole number from 1."
WRONG = [
    ("DEBUG", "flase", "'flase'; allowed: 1 or 0."),
    ("SANDBOX", "2", "'2'; allowed: 1 or 0."),
    ("VERIFY_ADDRESSES", "maybe", "'maybe'; allowed: 1 or 0."),
    ("JSON_LOGS", "json", "'json'; allowed: 1 or 0."),
    ("SECURE_SSL_REDIRECT", "off!", "'off!'; allowed: 1 or 0."),
    ("PORT", "0", "'0'; allowed: a whole number from 1 to 65535."),
    ("PORT", "http", "'http'; allowed: a whole number from 1 to 65535."),
    ("SANDBOX_PORT", "65536", "'65536'; allowed: a whole number from 1 to 65535."),
    ("WORKERS", "abc", "'abc'; allowed: a whole number from 1 to 1000."),
    ("WORKERS", "0", "'0'; allowed: a whole number from 1 to 1000."),
    ("COLLECT_WORKERS", "1.5", "'1.5'; allowed: a whole number from 1 to 1000."),
    ("TRUSTED_PROXIES", "-1", "'-1'; allowed: a whole number from 0 to 100."),
    ("MODERATED_BEFORE_REVIEW", "-1", "'-1'; allowed: a whole number from 0."),
    ("SECURE_HSTS_SECONDS", "long", "'long'; allowed: a whole number from 0."),
    *((f"UPLOAD_{name}", "0", f"'0'; {A_PART}") for name in ("VIDEO_BYTES", "IMAGE_BYTES", "IMAGE_PIXELS")),
    ("DOWNLOAD_SIZE_LIMIT", "2 GiB", f"'2 GiB'; {A_PART}"),
    *((name, "-1", f"'-1'; {A_NUMBER}") for name in ("POLL_INTERVAL", "POLL_LEASE", "HAND_LEASE", "TIME_LIMIT")),
    ("UPLOAD_TIME_LIMIT", "x", f"'x'; {A_NUMBER}"),
    ("DOWNLOAD_TIME_LIMIT", "nan", f"'nan'; {A_NUMBER}"),
    ("TIME_LIMIT", "inf", f"'inf'; {A_NUMBER}"),
    ("UPLOAD_VIDEO_SECONDS", "1e9", f"'1e9'; {A_NUMBER}"),
    ("POLL_BUDGET", "0", "'0'; allowed: a number from 1 to 604800."),
    ("SANDBOX_SECONDS", "-0.5", "'-0.5'; allowed: a number from 0 to 604800."),
    ("FREE_DAILY_CEILING", "-5", "'-5'; allowed: dollars from 0, with at most six decimals, such as 20 or 0.36."),
    ("FREE_DAILY_CEILING", "much", "'much'; allowed: dollars from 0, with at most six decimals, such as 20 or 0.36."),
    ("API_RATE", "many", "'many'; allowed: a number a s, min, hour or day, such as 3000/min."),
    ("API_RATE", "5/month", "'5/month'; allowed: a number a s, min, hour or day, such as 3000/min."),
    ("SIGNUP_RATE", "20", "'20'; allowed: a number and a time in s, m, h or d, such as 20/h/ip."),
    ("SIGNUP_RATE", "20/h/user", "'20/h/user'; allowed: a number and a time in s, m, h or d, such as 20/h/ip."),
    ("TIME_ZONE", "Mars", "'Mars'; allowed: a name such as UTC or Europe/Berlin."),
    ("TIME_ZONE", "../etc", "'../etc'; allowed: a name such as UTC or Europe/Berlin."),
    ("LOG_LEVEL", "LOUD", "'LOUD'; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL."),
    ("DATABASE_URL", "nonsense", "'nonsense'; allowed: postgres://user:password@host:5432/name or sqlite:///path."),
    ("DATABASE_URL", "mysql://u:pw@h/n", "'mysql://…'; allowed: postgres://"),
    ("DATABASE_URL", "postgres://u:pw@h:5432", "'postgres://…'; allowed: postgres://"),
    ("DATABASE_URL", "postgres://u:pw@h:port/n", "'postgres://…'; allowed: postgres://"),
    ("DATABASE_URL", "u:pw@h/n", "'…'; allowed: postgres://"),
    ("CACHE_URL", "foo://", "'foo://…'; allowed: rediscache://"),
    ("CACHE_URL", "filecache://", "'filecache://…'; allowed: rediscache://"),
    ("EMAIL_URL", "pigeon://u:pw@h", "'pigeon://…'; allowed: smtp+tls://user:password@host:587"),
    ("EMAIL_URL", "smtp+tls://", "'smtp+tls://…'; allowed: smtp+tls://user:password@host:587"),
    ("EMAIL_URL", "smtp://u:pw@h:port", "'smtp://…'; allowed: smtp+tls://user:password@host:587"),
    ("CLAPBOARD_DATA", "/dev/null/x", "'/dev/null/x'; allowed: a folder that is there or can be made"),
    ("MEDIA_ROOT", "/dev/null", "'/dev/null'; allowed: a folder that is there or can be made"),
    ("S3_ENDPOINT_URL", "minio", "'minio'; allowed: an http or https address."),
    ("LOG_LEVEL", "$LEVEL", "'$LEVEL'; allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL."),
]
RIGHT = [
    ("DEBUG", "off", "DEBUG", False),
    ("SECURE_SSL_REDIRECT", "No", "SECURE_SSL_REDIRECT", False),
    ("WORKERS", "", "Q_WORKERS", 4),
    ("WORKERS", "7", "Q_WORKERS", 7),
    ("POLL_INTERVAL", "1e-1", "POLL_INTERVAL", 0.1),
    ("SANDBOX_SECONDS", "0", "SANDBOX_SECONDS", 0),
    ("FREE_DAILY_CEILING", "0.36", "FREE_DAILY_CEILING", 360_000),
    ("FREE_DAILY_CEILING", "", "FREE_DAILY_CEILING", None),
    ("SIGNUP_RATE", "5/10m/ip", "ACCOUNT_RATE_LIMITS", {"signup": "5/10m/ip"}),
    ("TIME_ZONE", "Europe/Berlin", "TIME_ZONE", "Europe/Berlin"),
    ("ALLOWED_HOSTS", "a.example,b.example", "ALLOWED_HOSTS", ["a.example", "b.example"]),
    ("METRICS_TOKEN", "$PATH", "METRICS_TOKEN", "$PATH"),
    ("SECRET_KEY", f"$${'k' * 50}", "SECRET_KEY", f"$${'k' * 50}"),
]

# Settings are loaded once a process; this loads them anew for each environment, which costs milliseconds.
LOAD = """
import json, os, runpy, sys
from django.core.exceptions import ImproperlyConfigured
before, answers = dict(os.environ), []
for name, value, wished in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update(before | {"S3_BUCKET": "b" if name.startswith("S3_") else "", name: value})
    try:
        found = runpy.run_path("config/settings.py")
        answers.append(found[wished] if wished else "no complaint")
    except ImproperlyConfigured as error:
        answers.append(str(error))
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[tuple[str, str], object]:
    """Load the settings with each of the values, in one process, and return what came of it."""
    asked = [(name, value, "") for name, value, _ in WRONG] + [row[:3] for row in RIGHT]
    base = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "READ_ENV_FILES": "0"}
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD],
        cwd=ROOT,
        env=base | GOOD | {"CLAPBOARD_DATA": str(tmp_path_factory.mktemp("data"))},
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(zip([row[:2] for row in asked], json.loads(loaded.stdout), strict=True))


@pytest.mark.parametrize(("name", "value", "words"), WRONG)
def test_a_wrong_value_is_named_with_what_is_allowed(answers, name, value, words):
    assert str(answers[name, value]).startswith(f"Clapboard can't start: {name} is {words}")


@pytest.mark.parametrize(("name", "value", "setting", "meant"), RIGHT)
def test_a_right_value_is_taken_as_it_is_meant(answers, name, value, setting, meant):
    assert answers[name, value] == meant


def test_no_password_is_shown(answers):
    assert not [said for said in answers.values() if "pw" in str(said)]


def test_a_wrong_value_ends_a_command_without_a_traceback(tmp_path):
    ended = start(tmp_path, **GOOD, API_RATE="many")

    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [
        "Clapboard can't start: API_RATE is 'many'; allowed: a number a s, min, hour or day, such as 3000/min."
    ]


@pytest.mark.parametrize("name", sorted({name for name, _, _ in WRONG}))
def test_readme_names_what_can_be_set(name):
    assert f"`{name}`" in (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("environment", "two", "three"),
    [({}, "run", "file"), ({"IGNORE_ENV_RUN": "1"}, "file", "file"), ({"READ_ENV_FILES": "0"}, "", "")],
)
def test_the_environment_wins_over_what_runs_and_that_over_the_file(tmp_path, monkeypatch, environment, two, three):
    monkeypatch.setattr(Env, "ENVIRON", {"ONE": "environment"} | environment)
    (tmp_path / ".env.run").write_text("ONE=run\nTWO=run\n")
    (tmp_path / ".env").write_text("ONE=file\nTWO=file\nTHREE=file\n")
    env = Environment()
    env.read_files(tmp_path)

    assert [env.text(name) for name in ("ONE", "TWO", "THREE")] == ["environment", two, three]


def test_apart_the_process_keeps_its_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("READ_ENV_FILES", "1")
    (tmp_path / ".env").write_text("CLAPBOARD_TEST_OF_ENV=file\n")
    env = Environment(apart=True)
    env.read_files(tmp_path)

    assert env.text("CLAPBOARD_TEST_OF_ENV") == "file"
    assert "CLAPBOARD_TEST_OF_ENV" not in os.environ
