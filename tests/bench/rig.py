"""What benches share: a place for each database, and processes that measure in it."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.postgres import NoPostgres, running_postgres

ROOT = Path(__file__).resolve().parent.parent.parent
# Both databases write as they do in production.
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An empty database and an empty folder, both gone after the bench."""

    folder: str
    database_url: str

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a process of Clapboard's that works here, and nowhere else."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "READ_ENV_FILES": "0",
            "DEBUG": "1",
            "SECRET_KEY": "bench-" + "x" * 50,
            "SANDBOX": "1",
            "LOG_LEVEL": "WARNING",
            "CLAPBOARD_DATA": self.folder,
            "DATABASE_URL": self.database_url,
            **more,
        }

    def measured(self, module: str, *arguments: str, patience: float, **more: str) -> Any:
        """Run a module here as a process, for so many seconds at most, and return the JSON that it prints."""
        command = [sys.executable, "-m", module, *arguments]
        answer = subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            text=True,
            timeout=patience,
            check=True,
        )
        return json.loads(answer.stdout)


def on_each_database(measure: Callable[[Place], Found]) -> tuple[list[Found], str]:
    """Measure on SQLite and on PostgreSQL; return what was found, and a paragraph about what was left out, or ""."""
    with tempfile.TemporaryDirectory(prefix="clapboard-bench-") as folder:
        found = [measure(Place(folder=folder, database_url=f"sqlite:///{folder}/bench.sqlite3"))]
    try:
        with tempfile.TemporaryDirectory(prefix="clapboard-bench-") as folder, running_postgres(**DURABLE) as url:
            found.append(measure(Place(folder=folder, database_url=url)))
    except NoPostgres as error:
        return found, f"\nPostgreSQL: left out, {error}.\n"
    return found, ""
