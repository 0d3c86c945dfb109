"""Hooks of pytest that know of the lanes; tests/conftest.py takes them in."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from django.db import connection

_DATABASE_FIXTURES = frozenset({"db", "transactional_db", "live_server", "django_db_setup"})
_LAST_LINES = 25  # of what a failed test said


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip on SQLite what is about PostgreSQL, leave to the other lane what touches no database, and put in order."""
    if connection.vendor != "postgresql":
        skip = pytest.mark.skip(reason="is about PostgreSQL")
        for item in items:
            if item.get_closest_marker("postgres"):
                item.add_marker(skip)
    if os.environ.get("LANE") == "postgres":
        elsewhere = [item for item in items if not _touches_a_database(item)]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in set(elsewhere)]
    # What takes longest comes first, so that no worker is left with it when the others are done.
    items.sort(key=lambda item: item.get_closest_marker("processes") is None)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what became of the other lanes, above pytest's own last line."""
    lines = os.environ.get("LANES_SAY", "").splitlines()
    if lines:
        terminalreporter.section("lanes")
        for line in lines:
            terminalreporter.line(line)
    if path := os.environ.get("LANES_FAILURES"):
        failed = [*terminalreporter.stats.get("failed", []), *terminalreporter.stats.get("error", [])]
        Path(path).write_text("".join(_told(report) for report in failed))


def _told(report: pytest.TestReport) -> str:
    last = report.longreprtext.splitlines()[-_LAST_LINES:]
    return "\n".join([f"  {report.nodeid}", *(f"    {line}" for line in last), ""])


def _touches_a_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("any_database"):
        return False
    fixtures: Sequence[str] = getattr(item, "fixturenames", ())
    marked = item.get_closest_marker("django_db") or item.get_closest_marker("postgres")
    return bool(marked) or not _DATABASE_FIXTURES.isdisjoint(fixtures)
