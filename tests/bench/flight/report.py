"""What the bench of flight says."""

from collections.abc import Sequence
from typing import Any

_HEAD = """\
# Thousands in flight

A sandbox in a process of its own renders a tiny file after a fixed time. All jobs of a row but *steady* are created at
once, by one process, in a plan and under a Gate that let everything through. One watcher (`manage.py watch`), one
cluster with two workers that submit and two that collect (`manage.py worker`), PostgreSQL with fsync where not said
otherwise; with webhooks also gunicorn, two processes of eight threads. All of it, the sandbox too, shares this machine.

- *steady*: polling, the jobs created one by one, at such a pace that so many are in flight: what a user waits beyond
  the provider when no burst is before them.
- *alone*: the watcher without workers; the jobs were put in flight by hand, and nobody collects.
- *bare*: one aiohttp loop that submits and asks at the watcher's pace and keeps nothing: the limit.
- *naive*: a thread blocked for each job that asks twice a second with requests, and keeps nothing either.
- *in flight*: the most at once, by the sandbox's count.
- *notice*: from the end of a prediction in the sandbox to "running → collecting", by the database's time; the median.
- *requests* to the provider a job: its submission, the looks at it, and the collector's.
- *own time*: from the creation to the submission, and from the end of the prediction to the stored video.

| way | database | jobs | each, s | in flight | notice, s | p95 | requests | own time, s | p95 | wall, s |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
_A_MINUTE = 60.0
_PROCESSES = ("watcher", "worker", "web", "database", "sandbox")
_CPU = f"""
# What it costs

Milliseconds of the processor a job, each process with its children, and the most megabytes that any one process had
(of PostgreSQL with the shared memory that it has touched). The watcher's are those of its one working process and its
parent.

| way | database | jobs | {", ms | ".join(_PROCESSES)}, ms | {", MB | ".join(_PROCESSES)}, MB |
|---|---|---:|{"---:|" * 2 * len(_PROCESSES)}
"""
_PHASES = """
# Where the time goes

Seconds after the first creation until the last job was created, submitted, rendered, noticed and stored; jobs a second
that were submitted, and stored after the first had ended; and how much of a processor the watcher takes with nothing to
do.

| way | database | jobs | created | submitted | rendered | noticed | stored | submitted/s | stored/s | idle watcher |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """Return median, p95 and the most."""
    ordered = sorted(values)
    return {
        "median": ordered[len(ordered) // 2],
        "p95": ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)],
        "most": ordered[-1],
    }


def report(found: list[dict[str, Any]]) -> str:
    """Return the tables and what they say of the goals."""
    whole = [each for each in found if "phases" in each]
    parts = [_HEAD, *map(_row, found), _CPU, *map(_cost, found), _PHASES, *map(_phase, whole), _goals(found)]
    return "".join(parts)


def _name(found: dict[str, Any]) -> str:
    return f"| {found['way']} | {found.get('database', '–')} | {found['size']:,} "


def _row(found: dict[str, Any]) -> str:
    notice, own = found["notice"], found.get("own")
    took = f"| {own['median']:.2f} | {own['p95']:.2f} " if own else "| – | – "
    return (
        f"{_name(found)}| {found['seconds']:.0f} | {found['in_flight']:,} "
        f"| {notice['median']:.3f} | {notice['p95']:.3f} | {found['requests']:.1f} {took}| {found['wall']:.0f} |\n"
    )


def _cost(found: dict[str, Any]) -> str:
    cpu = [_number(found["cpu"], name, 1000 / found["size"], ".1f") for name in _PROCESSES]
    return f"{_name(found)}| {' | '.join(cpu + [_number(found['peaks'], name, 1, '.0f') for name in _PROCESSES])} |\n"


def _number(values: dict[str, float], name: str, factor: float, form: str) -> str:
    return format(values[name] * factor, form) if name in values else "–"


def _phase(found: dict[str, Any]) -> str:
    phases = found["phases"]
    submitted = found["size"] / phases["submitted"]
    stored = f"{found['size'] / max(phases['stored'] - found['seconds'], 0.001):.1f}" if phases["stored"] else "–"
    names = ("created", "submitted", "rendered", "noticed", "stored")
    times = " | ".join("–" if phases[name] is None else f"{phases[name]:.1f}" for name in names)
    return f"{_name(found)}| {times} | {submitted:.1f} | {stored} | {found['idle']['watcher']:.1%} |\n"


def _goals(found: list[dict[str, Any]]) -> str:
    """Say of each goal whether it was reached, by the figures of this run."""
    whole = [each for each in found if "phases" in each]
    lines = []
    for each in whole:
        what = f"{each['way']} on {each['database']}, {each['size']:,} jobs"
        good = {"collecting" if each["way"] == "alone" else "succeeded"}
        missed = {status: number for status, number in each["ended"].items() if status not in good}
        if missed or each["differences"]:
            lines.append(f"**{what}: ended otherwise {missed}, {each['differences']} differences in the ledger.**")
        if each["way"] != "steady":
            lines.append(_judged(f"{what}: all in flight at once", each["in_flight"], each["size"], at_least=True))
        lines.append(_judged(f"{what}: the watcher's peak, MB", each["peaks"]["watcher"], 150))
        hooked = each["way"] == "webhooks"
        if hooked or each["seconds"] <= _A_MINUTE:  # who waits longer is asked about less often, but for longer
            lines.append(_judged(f"{what}: requests a job", each["requests"], 5 if hooked else 12))
            lines.append(_judged(f"{what}: notice median, s", each["notice"]["median"], 0.05 if hooked else 1))
        if each["size"] <= 100 and each["own"]:
            lines.append(_judged(f"{what}: own time p95, s", each["own"]["p95"], 2))
    return "\n# Goals\n\n" + "".join(f"- {line}\n" for line in lines)


def _judged(what: str, value: float, goal: float, *, at_least: bool = False) -> str:
    reached = value >= goal if at_least else value <= goal
    return (
        f"{what}: {value:,.3g}, goal {'≥' if at_least else '≤'} {goal:,.3g}: {'reached' if reached else '**missed**'}."
    )
