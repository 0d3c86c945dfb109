"""How fast jobs are created: one hot subscription, a thousand of them, and years behind it."""

from typing import Any

from tests.bench.rig import Place, on_each_database

_PATIENCE = 300  # seconds that one database may take
_HEAD = """\
# Creating jobs

How many jobs a second can be created for one subscription, that is with all holds on one hot row: price, hold, ledger
line, job and event in one transaction (`services.create`). Beside it, in the same run: the hold alone
(`billing.hold`), the same shared out among 1,000 subscriptions (wide), and a bare conditional UPDATE of that very row,
which is what the database could do at best. The floor is what the schema alone costs: that UPDATE and the four INSERTs
of a create (hold, ledger line, job, event) as ready statements with ready values, in one transaction.

The goal is a create at half of the bare UPDATE. Where commits are quick it is not reached: five statements on four
more tables with their indexes, foreign keys and constraints are the floor, and a create also looks at switches,
clock, price, period and plan (two selects), makes the rows' values, and writes a line to the log. It says nothing
twice and asks for nothing that it does not need; what is left above the floor is those two looks and Python.

Both databases write as they do in production (fsync on). A client is a process. Medians of {rounds} rounds of
{seconds} s, alternating. Only the ratios can be compared with other machines.

| database | clients | UPDATE/s | hold/s | wide | floor/s | create/s | hold : UPDATE | floor : UPDATE \
| create : UPDATE | create : floor | create, ms | queries |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
"""
_OLD = """
# With years behind it

Creating with few and with many finished jobs of the same user, one client, by turns (goal: within 10 %); and
`check_ledger` on a million lines, in a process of its own (goal: under 200 MB).

| database | create/s with 10 old jobs | with 1,000,000 | ratio | lines | check_ledger, s | peak, MB | before it, MB |
|---|---:|---:|---:|---:|---:|---:|---:|
"""


def run() -> str:
    """Measure on every database that there is and return the report."""
    found, left_out = on_each_database(_measured)
    parts = [_HEAD.format(**found[0]), *map(_rows, found), _OLD, *map(_old, found), left_out, _facts(found)]
    return "".join(parts)


def _measured(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = place.measured("tests.bench.create.measure", patience=_PATIENCE)
    return found


def _rows(found: dict[str, Any]) -> str:
    return "".join(
        f"| {found['database']} | {clients} | {rates['update']:,.0f} | {rates['hold']:,.0f} | {rates['wide']:,.0f} "
        f"| {rates['floor']:,.0f} | {rates['create']:,.0f} "
        f"| {rates['hold'] / rates['update']:.3f} | {rates['floor'] / rates['update']:.3f} "
        f"| {rates['create'] / rates['update']:.3f} | {rates['create'] / rates['floor']:.3f} "
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
    return f"\nAfterwards `check_ledger` found {differences} differences.\n\n{versions}.\n"
