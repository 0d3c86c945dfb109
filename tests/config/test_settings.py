"""What must be said before anything starts."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "SECRET_KEY": "k" * 50,
    "WAVESPEED_URL": "https://api.wavespeed.ai",
    "WAVESPEED_API_KEY": "key",
}


def start(tmp_path, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Look at the settings in a process of its own, with nothing but this environment."""
    base = {"PATH": os.environ["PATH"], "READ_ENV_FILES": "0", "CLAPBOARD_DATA": str(tmp_path)}
    command = [sys.executable, "manage.py", "diffsettings"]
    return subprocess.run(command, cwd=ROOT, env=base | environment, capture_output=True, text=True, check=False)


def test_production_starts_with_key_address_and_provider_key(tmp_path):
    assert start(tmp_path, **GOOD).returncode == 0


@pytest.mark.parametrize("name", sorted(GOOD))
def test_without_one_of_them_the_start_stops_and_names_it(tmp_path, name):
    ended = start(tmp_path, **{**GOOD, name: ""})

    assert ended.returncode == 1
    assert f"{name} is empty: set it" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("key", ["change-me-" + "x" * 50, "insecure-" + "x" * 50, "short"])
def test_an_example_s_or_short_secret_key_stops_the_start(tmp_path, key):
    ended = start(tmp_path, **{**GOOD, "SECRET_KEY": key})

    assert "SECRET_KEY is the example's or too short" in ended.stderr


@pytest.mark.parametrize("url", ["http://127.0.0.1:8765", "http://localhost:8765", "http://[::1]:8765"])
def test_this_machine_as_provider_needs_the_sandbox_to_be_meant(tmp_path, url):
    refused = start(tmp_path, **{**GOOD, "WAVESPEED_URL": url})
    meant = start(tmp_path, **{**GOOD, "WAVESPEED_URL": url, "SANDBOX": "1"})

    assert "set SANDBOX=1" in refused.stderr
    assert meant.returncode == 0


def test_an_address_that_is_none_stops_the_start(tmp_path):
    assert "must be an http or https address" in start(tmp_path, **{**GOOD, "WAVESPEED_URL": "wavespeed"}).stderr


def test_while_developing_no_key_means_the_sandbox(tmp_path):
    started = start(tmp_path, DEBUG="1", SECRET_KEY="x")

    assert "SANDBOX = True" in started.stdout
    assert "WAVESPEED_URL = 'http://127.0.0.1:8765'" in started.stdout


@pytest.mark.parametrize(
    "url",
    [
        "clapboard.example.org",
        "ftp://x.example",
        "https://",
        "https://x/path",
        "https://x?a=1",
        "https://u@x",
        "https://x:0",
        "https://x:y",
    ],
)
def test_a_public_address_that_is_no_origin_stops_the_start(tmp_path, url):
    assert (
        "it must be an origin, such as https://clapboard.example.org." in start(tmp_path, **GOOD, PUBLIC_URL=url).stderr
    )


def test_a_public_address_must_be_https_where_wavespeed_calls_it(tmp_path):
    plain = {"PUBLIC_URL": "http://127.0.0.1:8000"}
    refused = start(tmp_path, **GOOD, **plain)
    sandbox = start(tmp_path, **{**GOOD, "WAVESPEED_URL": "http://127.0.0.1:8765", "SANDBOX": "1"}, **plain)

    assert "which takes https" in refused.stderr
    assert sandbox.returncode == 0
    assert start(tmp_path, **GOOD, PUBLIC_URL="https://clapboard.example.org:8443/").returncode == 0
