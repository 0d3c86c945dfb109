"""`make bench`: runs the benches, or those that are named (`make bench ARGS="create"`), one after the other.

A bench is a module or package of its own, `tests.bench.NAME`, listed in BENCHES. Its one entry is

    def run() -> str

(or `run(*sizes)`, which gets the numbers that follow its name: `make bench ARGS="flight 100 1000"`)

which measures and returns a report in Markdown: what was measured and how, a table with ratios within this one run, the
goals beside what was reached. The report, with the machine's facts below it, is printed and written to
bench/results/NAME.md (which git ignores). What benches share stands in tests.bench.rig: a place for each database, and
processes that measure in it and print JSON. Whoever needs Django sets it up in such a process and never in `run`, since
Django knows one database for life.
"""

import importlib
import os
import platform
import sys

from tests.bench.rig import ROOT

BENCHES = ("create", "flight", "web")
_RESULTS = ROOT / "bench" / "results"


def main(names: list[str]) -> int:
    """Run the benches of these names, or all; print and keep what they found."""
    chosen = _chosen(names)
    if unknown := [name for name in chosen if name not in BENCHES]:
        sys.stderr.write(f"No bench: {', '.join(unknown)}; there are: {', '.join(BENCHES)}.\n")
        return 2
    _RESULTS.mkdir(parents=True, exist_ok=True)
    for name in chosen or BENCHES:
        sizes = chosen.get(name, [])
        report = importlib.import_module(f"tests.bench.{name}").run(*sizes).rstrip() + f"\n\n{_machine()}\n"
        (_RESULTS / f"{name}.md").write_text(report)
        sys.stdout.write(f"{report}\n")
        sys.stdout.flush()
    return 0


def _chosen(words: list[str]) -> dict[str, list[str]]:
    """Return the names, each with the sizes that follow it."""
    chosen: dict[str, list[str]] = {}
    for word in words:
        if word.isdigit() and chosen:
            chosen[list(chosen)[-1]].append(word)
        else:
            chosen[word] = []
    return chosen


def _machine() -> str:
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.machine()}, Python {platform.python_version()}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
