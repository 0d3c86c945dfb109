"""Settings that would lose hints or pay twice do not pass `manage.py check`."""

import os
import subprocess
import sys

import pytest

from config import checks


def test_the_project_s_own_settings_pass():
    for check in (
        checks.hints_commit_with_their_rows,
        checks.hints_do_not_run_twice_at_once,
        checks.hints_have_the_time_that_they_need,
        checks.failed_hints_are_not_run_for_ever,
        checks.every_statement_commits_by_itself,
        checks.sqlite_waits_for_its_turn,
        checks.cluster_gets_no_pool,
    ):
        assert check(None) == []


def test_another_broker_is_an_error(settings):
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"orm": None}
    assert [error.id for error in checks.hints_commit_with_their_rows(None)] == ["clapboard.E001"]


@pytest.mark.parametrize("name", ["broker_class", "iron_mq", "sqs"])
def test_a_broker_that_django_q_would_prefer_is_an_error(settings, name):
    settings.Q_CLUSTER = settings.Q_CLUSTER | {name: {}}
    assert [error.id for error in checks.hints_commit_with_their_rows(None)] == ["clapboard.E001"]


@pytest.mark.parametrize(("timeout", "wrong"), [(None, 2), (0, 2), (90, 2), (91, 1), (1000, 0)])
def test_a_timeout_that_cuts_a_hint_off_is_an_error(settings, timeout, wrong):
    settings.DOWNLOAD_TIME_LIMIT = settings.UPLOAD_TIME_LIMIT = 600
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"timeout": timeout, "ALT_CLUSTERS": {"collect": {}}}
    assert [error.id for error in checks.hints_have_the_time_that_they_need(None)] == ["clapboard.E005"] * wrong
    assert checks.hints_do_not_run_twice_at_once(None) is not None  # and does not stumble over it


def test_failed_hints_that_come_again_for_ever_are_an_error(settings):
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"ack_failures": False}
    assert [error.id for error in checks.failed_hints_are_not_run_for_ever(None)] == ["clapboard.E006"]


@pytest.mark.parametrize(
    ("name", "value"), [("AUTOCOMMIT", False), ("ATOMIC_REQUESTS", True), ("OPTIONS", {"isolation_level": 4})]
)
def test_a_database_that_commits_late_or_reads_old_rows_is_an_error(monkeypatch, settings, name, value):
    monkeypatch.setitem(settings.DATABASES["default"], name, value)
    assert [error.id for error in checks.every_statement_commits_by_itself(None)] == ["clapboard.E007"]


@pytest.mark.parametrize("retry", [120, 361])
def test_a_retry_that_is_over_before_a_hint_had_its_turn_is_an_error(settings, retry):
    # 2 workers and 2 prefetched hints of 120 s each: 120 x (1 + ceil(3 / 2)) = 360.
    main = settings.Q_CLUSTER | {"workers": 2, "queue_limit": 2, "timeout": 120, "retry": retry, "ALT_CLUSTERS": {}}
    settings.Q_CLUSTER = main
    assert bool(checks.hints_do_not_run_twice_at_once(None)) == (retry <= 360)


@pytest.mark.parametrize(
    "options", [{}, {"transaction_mode": "IMMEDIATE"}, {"init_command": "PRAGMA journal_mode=WAL;"}]
)
def test_sqlite_without_immediate_transactions_or_wal_is_an_error(monkeypatch, settings, options):
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.sqlite3")
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", options)
    assert [error.id for error in checks.sqlite_waits_for_its_turn(None)] == ["clapboard.E003"]


def test_a_connection_pool_is_an_error(monkeypatch, settings):
    monkeypatch.setitem(settings.DATABASES["default"], "OPTIONS", {"pool": True})
    assert [error.id for error in checks.cluster_gets_no_pool(None)] == ["clapboard.E004"]


def test_the_checks_need_no_tables(tmp_path):
    """They run before the first migrate: one that looks into a table would stop it."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "READ_ENV_FILES": "0",
        "DEBUG": "1",
        "SECRET_KEY": "x" * 60,
        "CLAPBOARD_DATA": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3",
    }
    command = [sys.executable, "-m", "django", "check"]
    answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(
    ("url", "hosts", "ids"),
    [
        ("", [], []),
        ("https://clapboard.example.org", ["clapboard.example.org"], []),
        ("https://clapboard.example.org:8443", [".example.org"], []),
        ("http://[::1]:8000", ["[::1]"], []),
        ("https://clapboard.example.org", ["other.example.org"], ["clapboard.W001"]),
        ("https://clapboard.example.org", [], ["clapboard.W001"]),
    ],
)
def test_a_public_address_that_is_refused_is_a_warning(settings, url, hosts, ids):
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = url, hosts
    assert [warning.id for warning in checks.the_public_address_is_answered(None)] == ids


@pytest.mark.parametrize(("lease", "wrong"), [(45, 0), (20.5, 0), (20, 1), (1, 1)])
def test_a_lease_that_ends_before_a_look_is_warned_of(settings, lease, wrong):
    settings.POLL_LEASE = lease
    assert [error.id for error in checks.a_look_is_over_before_its_lease(None)] == ["clapboard.W002"] * wrong
