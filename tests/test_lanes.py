import socket
from pathlib import Path
from types import SimpleNamespace

import psycopg
import pytest

from tests import lanes, lanes_plugin, postgres
from tests.lanes import FAILURES, SAY, Lanes, main
from tests.postgres import NoPostgres, running_postgres


@pytest.fixture
def runs(monkeypatch):
    """Collects what pytest would be run with; each run passes, or as `runs.codes` says."""

    class Runs(list):
        codes: dict[str, int] = {}

    found = Runs()

    def run(self: Lanes, title: str, marks: str, **environment: str) -> int:
        found.append((title, marks, environment.get(SAY, "")))
        code = found.codes.get(title, 0)
        if code and FAILURES in environment:
            Path(environment[FAILURES]).write_text("  tests/test_x.py::test_y\n    assert 1 == 2\n")
        self.failed |= code != 0
        return code

    monkeypatch.setattr(Lanes, "_pytest", run)
    monkeypatch.setattr(lanes.signal, "signal", lambda *_: None)
    monkeypatch.delenv("ALL_LANES", raising=False)
    return found


@pytest.fixture
def no_postgres(monkeypatch):
    def refuse() -> str:
        raise NoPostgres("there is none here")

    monkeypatch.setattr(lanes, "postgres_version", refuse)


@pytest.fixture
def no_browser(monkeypatch):
    monkeypatch.setattr(lanes.shutil, "which", lambda name: None)


def test_what_can_not_be_run_is_left_out_and_named(runs, no_postgres, no_browser):
    assert main([]) == 0
    says = "PostgreSQL: left out, there is none here\nbrowser: left out, there is no chromium in PATH"
    assert runs == [("SQLite", "not postgres and not browser", says)]


def test_all_lanes_or_none(runs, no_postgres, monkeypatch, capsys):
    monkeypatch.setenv("ALL_LANES", "1")
    assert main([]) == 1
    assert runs == []
    assert "PostgreSQL: there is none here" in capsys.readouterr().err


def test_a_lane_that_fails_fails_all_and_is_named_in_the_last_summary(runs, monkeypatch):
    monkeypatch.setattr(lanes, "missing", dict)
    monkeypatch.setattr(lanes, "running_postgres", lambda: postgres.contextlib.nullcontext("postgres://x"))
    monkeypatch.setattr(lanes, "postgres_version", lambda: "15")
    runs.codes = {"PostgreSQL": 1}
    assert main([]) == 1
    assert [title for title, _, _ in runs] == ["PostgreSQL", "SQLite and browser"]
    assert runs[1][2] == "PostgreSQL 15: failed (exit code 1)\n  tests/test_x.py::test_y\n    assert 1 == 2"


def test_the_plugin_writes_down_what_failed(monkeypatch, tmp_path):
    monkeypatch.setenv(FAILURES, str(tmp_path / "failures"))
    report = pytest.TestReport("tests/test_x.py::test_y", ("x", 1, "y"), {}, "failed", "E   assert 1 == 2", "call")
    terminal = SimpleNamespace(stats={"failed": [report]}, section=print, line=print)
    lanes_plugin.pytest_terminal_summary(terminal)
    assert (tmp_path / "failures").read_text() == "  tests/test_x.py::test_y\n    E   assert 1 == 2\n"


def test_without_programs_the_reason_is_named(monkeypatch):
    monkeypatch.setattr(postgres, "_NEEDED", ("initdb", "pg_of_the_future"))
    with pytest.raises(NoPostgres, match=r"there is no initdb in PATH or /usr/lib/postgresql"), running_postgres():
        pass


@pytest.mark.postgres
def test_a_server_of_ones_own_is_gone_with_its_block():
    with running_postgres() as url, psycopg.connect(url) as connection:
        row = connection.execute("SELECT current_database(), version()").fetchone()
        assert row is not None
        assert row[0] == "clapboard"
        port = connection.info.port
    with socket.socket() as free:
        assert free.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.postgres
def test_a_server_that_does_not_start_says_why():
    with pytest.raises(NoPostgres, match="max_connections"), running_postgres(max_connections="many"):
        pass
