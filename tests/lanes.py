"""
What `make test` runs: the tests that touch a database on PostgreSQL, then all of them on SQLite and in the browser.

    python -m tests.lanes [arguments of pytest]

A lane that this machine can't run is left out, and pytest's last summary says why. With ALL_LANES=1 that is a failure.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.postgres import NoPostgres, postgres_version, running_postgres

SAY = "LANES_SAY"  # what the plugin prints in the last summary, a line each
FAILURES = "LANES_FAILURES"  # the file into which the plugin writes what failed
_OURS = frozenset({"TEST_DATABASE_URL", "LANE", SAY, FAILURES})
_NOTHING_TO_RUN = 5  # of pytest


@dataclass(slots=True, kw_only=True)
class Lanes:
    """What has been run so far, in words for the summary, and whether all of it passed."""

    arguments: list[str]
    lines: list[str] = field(default_factory=list)
    failed: bool = False

    def on_postgres(self) -> None:
        """Run what touches a database, on a server of our own."""
        with running_postgres() as url, tempfile.TemporaryDirectory() as folder:
            failures = Path(folder) / "failures"
            said = {"TEST_DATABASE_URL": url, "LANE": "postgres", FAILURES: str(failures)}
            code = self._pytest("PostgreSQL", "not browser", **said)
            # Whoever sees only the end of a log must still learn what failed.
            what = failures.read_text().splitlines() if failures.exists() else []
        self.lines.append(f"PostgreSQL {postgres_version()}: {f'failed (exit code {code})' if code else 'passed'}")
        self.lines += what

    def on_sqlite(self) -> None:
        """Run everything but what is about PostgreSQL."""
        self._pytest("SQLite and browser", "not postgres", **{SAY: "\n".join(self.lines)})

    def without_browser(self) -> None:
        """Run the second lane on a machine that has no browser."""
        self._pytest("SQLite", "not postgres and not browser", **{SAY: "\n".join(self.lines)})

    def _pytest(self, title: str, marks: str, **environment: str) -> int:
        sys.stdout.write(f"\n=== {title} ===\n")
        sys.stdout.flush()
        command = [sys.executable, "-m", "pytest", "-n", str(_cpus()), "--dist", "worksteal", "-m", marks]
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        process = subprocess.Popen([*command, *self.arguments], env=inherited | environment)
        with _ended(process):
            code = process.wait()
        # Who picks tests by hand may have picked none of this lane.
        if code == _NOTHING_TO_RUN and self.arguments:
            code = 0
        self.failed |= code != 0
        return code


def missing() -> dict[str, str]:
    """Return the lanes that this machine can't run, with the reason."""
    reasons = {}
    try:
        postgres_version()
    except NoPostgres as error:
        reasons["PostgreSQL"] = str(error)
    if not importlib.util.find_spec("playwright"):
        reasons["browser"] = "playwright is not installed"
    elif not shutil.which("chromium"):
        reasons["browser"] = "there is no chromium in PATH"
    return reasons


def main(arguments: list[str]) -> int:
    """Run the lanes one after the other; return 0 when all that could run passed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped, too
    lanes, left_out = Lanes(arguments=arguments), missing()
    if "PostgreSQL" not in left_out:
        try:
            lanes.on_postgres()
        except NoPostgres as error:
            left_out["PostgreSQL"] = str(error)
    if left_out and os.environ.get("ALL_LANES") == "1":
        reasons = "; ".join(f"{lane}: {reason}" for lane, reason in left_out.items())
        sys.stderr.write(f"ALL_LANES=1, but this machine can't run them all: {reasons}\n")
        return 1
    lanes.lines += [f"{lane}: left out, {reason}" for lane, reason in left_out.items()]
    if "browser" in left_out:
        lanes.without_browser()
    else:
        lanes.on_sqlite()
    return int(lanes.failed)


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


@contextmanager
def _ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Let nothing run on when we are told to stop."""
    try:
        yield
    except KeyboardInterrupt:
        process.wait()  # Ctrl-C reached it, too; it tidies up
        raise
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
