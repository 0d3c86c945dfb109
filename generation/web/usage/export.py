"""The statement of a period as CSV: written while it is read, so that its length costs no memory."""

import csv
import re
from collections.abc import Iterator
from io import StringIO

from django.utils import timezone

from billing.ledger import EFFECTS
from billing.models import LedgerEntry, Period
from billing.money import dollars
from generation.web.usage.statement import KINDS, Kind, Line, with_jobs
from generation.web.wording import headline

BATCH = 500
COLUMNS = (
    "time (ISO 8601)",
    "what",
    "charged (USD)",
    "set aside (USD)",
    "granted (USD)",
    "videos of the line",
    "seconds of the line",
    "model",
    "made with",
    "prompt (first words)",
    "job id",
    "reason",
    "line id",
)
"""The three columns of dollars each add up to what the usage page says of the period."""

# Where a cell begins, also for who opens the file with semicolons or tabs between cells, and wherever a line breaks.
_FORMULA = re.compile(r"""^(?=[=+\-@＝＋－＠\t\r])|(?<=[;\t\r\n])(?=["']*[=+\-@＝＋－＠])""")
_MARK = "\ufeff"  # tells Excel that it is UTF-8


def rows(period: Period) -> Iterator[str]:
    """Return the file in pieces: the names of the columns, then all lines of the period, the oldest first."""
    yield _MARK + _written([COLUMNS])
    for entries in _batches(period):
        yield _written(_cells(line) for line in with_jobs(entries))


def inert(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return _FORMULA.sub("'", text)


def _batches(period: Period) -> Iterator[list[LedgerEntry]]:
    """Return the lines a batch at a time, each by a query of its own: no cursor is open while a slow reader reads."""
    after = 0
    entries = LedgerEntry.objects.filter(period=period.pk).order_by("pk")
    while batch := list(entries.filter(pk__gt=after)[:BATCH]):
        yield batch
        after = batch[-1].pk


def _cells(line: Line) -> tuple[object, ...]:
    """Return a line's cells. Numbers are ours and stay numbers, below zero too; words may be anybody's."""
    entry, job = line.entry, line.job
    prompt = headline(job.prompt) if job and line.is_kept else line.title
    made_with = "" if job is None else str(job.api_key) if job.api_key else "no key"
    return (
        timezone.localtime(entry.at).isoformat(timespec="seconds"),
        KINDS[Kind(entry.kind)],
        *(dollars(EFFECTS[Kind(entry.kind)].get(column, 0) * entry.spend) for column in ("spent", "held", "granted")),
        entry.videos,
        entry.seconds,
        inert(job.model if job else ""),
        inert(made_with),
        inert(prompt),
        entry.reference or "",
        inert(line.reason),
        entry.pk,
    )


def _written(table: Iterator[tuple[object, ...]] | list[tuple[str, ...]]) -> str:
    buffer = StringIO(newline="")
    csv.writer(buffer).writerows(table)
    return buffer.getvalue()
