"""`make bench`: measures, as ratios within one run, and writes what it found to bench/results/."""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.postgres import NoPostgres, running_postgres

_ROOT = Path(__file__).resolve().parent.parent.parent
_RESULTS = _ROOT / "bench" / "results"
_PATIENCE = 300  # seconds that one database may take
_HEAD = """\
# Creating jobs

How many jobs a second can be created for one subscription, that is with all holds on one hot row: price, hold, ledger
line, job and event in one transaction (`services.create`). Beside it, in the same run: the hold alone
(`billing.hold`), the same shared out among 1,000 subscriptions (wide), and a bare conditional UPDATE of that very row,
which is what the database could do at best.
Both databases write as they do in production (fsync on). A client is a process. Medians of {rounds} rounds of
{seconds} s, alternating. Only the ratios can be compared with other machines.

| database | clients | UPDATE/s | hold/s | wide | create/s | hold : UPDATE | create : UPDATE | create, ms | queries |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
_OLD = """
# With years behind it

Creating with few and with many finished jobs of the same user, one client, by turns (goal: within 10 %); and
`check_ledger` on a million lines, in a process of its own (goal: under 200 MB).

| database | create/s with 10 old jobs | with 1,000,000 | ratio | lines | check_ledger, s | peak, MB | before it, MB |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


def main() -> int:
    """Measure on every database that there is; print the table and write it down."""
    found = [_on_sqlite()]
    left_out = ""
    try:
        found.append(_on_postgres())
    except NoPostgres as error:
        left_out = f"\nPostgreSQL: left out, {error}.\n"
    table = (
        _HEAD.format(**found[0])
        + "".join(map(_rows, found))
        + _OLD
        + "".join(map(_old, found))
        + left_out
        + _facts(found)
    )
    _RESULTS.mkdir(parents=True, exist_ok=True)
    (_RESULTS / "create.md").write_text(table)
    sys.stdout.write(table)
    return 0


def _on_sqlite() -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="clapboard-bench-") as folder:
        return _measured(folder, f"sqlite:///{folder}/bench.sqlite3")


def _on_postgres() -> dict[str, Any]:
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    with tempfile.TemporaryDirectory(prefix="clapboard-bench-") as folder, running_postgres(**durable) as url:
        return _measured(folder, url)


def _measured(folder: str, url: str) -> dict[str, Any]:
    """Measure in a process of its own, since Django knows one database for life."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "READ_ENV_FILES": "0",
        "DEBUG": "1",
        "SECRET_KEY": "bench-" + "x" * 50,
        "SANDBOX": "1",
        "LOG_LEVEL": "WARNING",
        "CLAPBOARD_DATA": folder,
        "DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "tests.bench.create"]
    answer = subprocess.run(
        command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, text=True, timeout=_PATIENCE, check=True
    )
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def _rows(found: dict[str, Any]) -> str:
    return "".join(
        f"| {found['database']} | {clients} | {rates['update']:,.0f} | {rates['hold']:,.0f} | {rates['wide']:,.0f} "
        f"| {rates['create']:,.0f} "
        f"| {rates['hold'] / rates['update']:.3f} | {rates['create'] / rates['update']:.3f} "
        f"| {1000 * int(clients) / rates['create']:.1f} | {found['queries']} |\n"
        for clients, rates in found["rates"].items()
    )


def _old(found: dict[str, Any]) -> str:
    few, many = found["old"].values()
    checked = found["checked"]
    return (
        f"| {found['database']} | {few:,.0f} | {many:,.0f} | {many / few:.3f} "
        f"| {checked['lines']:,} | {checked['seconds']:.1f} | {checked['peak']:.0f} | {checked['before']:.0f} |\n"
    )


def _facts(found: list[dict[str, Any]]) -> str:
    versions = ", ".join(part["version"] for part in found)
    differences = sum(part["differences"] for part in found)
    machine = f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"\nAfterwards `check_ledger` found {differences} differences.\n\n{machine}, {versions}.\n"


if __name__ == "__main__":
    sys.exit(main())
