"""How many requests a second the API serves beside bare views, and pages of a million jobs beside a thousand."""

from typing import Any

from tests.bench.rig import Place, on_each_database

_PATIENCE = 900  # seconds that one database may take
_HEAD = """\
# Requests

One gunicorn as README advises for production (`gunicorn config.wsgi --threads 8`, DEBUG off) on loopback; {clients}
clients with kept-open connections, in a process of their own. `GET` is a running job by API key: who asks, may they,
how far is it. Beside it, in the same server and the same run, by turns: a bare view of Django REST framework that does
one select, with the same middleware, without authentication, limits and serializer (goal: at least 70 % of it). `POST`
makes a job of LTX-2 Pro: validated, priced, held, written to the ledger, queued. Beside it a bare view that does one
insert and one enqueue (`async_task`) in one transaction (goal: at least 60 %). Each client is a user; `of one` are the
same POSTs by one user, whose holds wait for each other at the one row of his period, which the bare view has not.
Medians of {rounds} rounds of {seconds} s. Both databases write as they do in production (fsync on). Only ratios can be
compared with other machines.

| database | bare GET/s | GET/s | ratio | bare POST/s | POST/s | ratio | of one/s | ratio |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""
_MANY = """
# With a million jobs behind it

The first page of `GET /api/v1/jobs`, one of failed jobs, and the gallery, of a user with {few:,} ended jobs and of one
with {many:,}, by turns; one client (goal: within 20 %).

| database | page | ms with {few:,} | ms with {many:,} | ratio |
|---|---|---:|---:|---:|
"""


def run() -> str:
    """Measure on every database that there is and return the report."""
    found, left_out = on_each_database(_measured)
    parts = [_HEAD.format(**found[0]), *map(_rates, found), _MANY.format(**found[0]), *map(_pages, found), left_out]
    return "".join(parts) + f"\n{', '.join(part['version'] for part in found)}.\n"


def _measured(place: Place) -> dict[str, Any]:
    production = {"DEBUG": "0", "ALLOWED_HOSTS": "127.0.0.1", "WAVESPEED_URL": "http://127.0.0.1:9"}
    found: dict[str, Any] = place.measured(
        "tests.bench.web.measure",
        patience=_PATIENCE,
        DJANGO_SETTINGS_MODULE="tests.bench.web.settings",
        API_RATE="1000000/min",
        **production,
    )
    return found


def _rates(found: dict[str, Any]) -> str:
    cells = [found["database"]]
    rates = found["rates"]
    for method in ("GET", "POST"):
        bare, ours = rates[f"bare {method}"], rates[method]
        cells += [f"{bare:,.0f}", f"{ours:,.0f}", f"{ours / bare:.2f}"]
    cells += [f"{rates['POST of one']:,.0f}", f"{rates['POST of one'] / rates['bare POST']:.2f}"]
    return f"| {' | '.join(cells)} |\n"


def _pages(found: dict[str, Any]) -> str:
    return "".join(
        f"| {found['database']} | {page} | {1000 * few:.1f} | {1000 * many:.1f} | {many / few:.2f} |\n"
        for page, (few, many) in found["pages"].items()
    )
