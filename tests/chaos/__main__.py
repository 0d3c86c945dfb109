"""`make chaos`: several storms on every database that there is, and a control without the fence; prints a table.

In storms with an even seed the provider also calls when a prediction has ended, as far as web lives to hear it.

make chaos ARGS="--seeds 7 8 --jobs 100 --databases sqlite"
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.postgres import NoPostgres, postgres_version

_ROOT = Path(__file__).resolve().parent.parent.parent
_PATIENCE = 1800  # seconds that one storm may take
_NAIVE = "tests/chaos/naive.py"
_COLUMNS = (
    *(
        "database",
        "seed",
        "way",
        "jobs",
        "kills",
        "called for",
        "succeeded",
        "failed",
        "unknown",
        "attached",
        "never created",
    ),
    *(
        "with a file",
        "brought",
        "hung up",
        "POSTs",
        "predictions",
        "doubled",
        "doubled by deaths",
        "charged, $",
        "seconds",
        "amiss",
    ),
)


def main() -> int:
    """Run the storms one after the other; return 0 when nothing was amiss in any, and much in the control."""
    arguments = _parser().parse_args()
    found, control = [], []
    for database in arguments.databases or _databases():
        for seed in arguments.seeds:
            found.append(storm(database, seed, jobs=arguments.jobs, kills=arguments.kills, stalls=arguments.stalls))
        control.append(storm(database, arguments.seeds[0], jobs=60, kills=20, manage=_NAIVE, patience=200))
    sys.stdout.write(f"\n{_table(found)}\n{_kinds(found)}\nThe control, without the fence:\n\n{_table(control)}")
    return int(any(one["complaints"] for one in found) or not all(one["doubled"] for one in control))


def storm(
    database: str, seed: int, *, manage: str = "manage.py", patience: int = _PATIENCE, **size: int
) -> dict[str, Any]:
    """Run one storm in a process of its own, and return its figures; what is amiss is told at once."""
    way = "polling" if seed % 2 else "webhooks"
    options = {"database": database, "seed": seed, "way": way, "manage": manage, "patience": patience, **size}
    command = [sys.executable, "-m", "tests.chaos.one", *(f"--{name}={value}" for name, value in options.items())]
    process = subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        answer, _ = process.communicate(timeout=patience + 300)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    assert answer, f"the storm with seed {seed} on {database} broke, exit code {process.returncode}"
    figures: dict[str, Any] = json.loads(answer.splitlines()[-1])
    for complaint in figures["complaints"]:
        sys.stdout.write(f"{database}, seed {seed}: {complaint}\n")
    sys.stdout.flush()
    return figures


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--jobs", type=int, default=300)
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--stalls", type=int, default=2)
    parser.add_argument("--databases", nargs="+", choices=("postgres", "sqlite"))
    return parser


def _databases() -> list[str]:
    try:
        postgres_version()
    except NoPostgres as error:
        sys.stdout.write(f"PostgreSQL: left out, {error}\n")
        return ["sqlite"]
    return ["postgres", "sqlite"]


def _table(found: list[dict[str, Any]]) -> str:
    rows: list[Sequence[str]] = [_COLUMNS, ["---", *["---:"] * (len(_COLUMNS) - 1)]]
    for one in found:
        told = one | {
            "kills": sum(one["kills"].values()),
            "unknown": one["attached"] + one["never created"],
            "charged, $": one["charged"],
            "amiss": len(one["complaints"]),
        }
        rows.append([str(told[column]) for column in _COLUMNS])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _kinds(found: list[dict[str, Any]]) -> str:
    """Count the kills by kind, over all storms of a database."""
    lines = []
    for database in dict.fromkeys(one["database"] for one in found):
        sums: dict[str, int] = {}
        for one in found:
            if one["database"] == database:
                for kind, times in one["kills"].items():
                    sums[kind] = sums.get(kind, 0) + times
        told = ", ".join(f"{kind} {times}" for kind, times in sorted(sums.items()))
        lines.append(f"Killed on {database}: {told}.\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
