"""SQL for following thousands of jobs: who comes first, and when each is due again, written down together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.utils import timezone

_TYPES: "tuple[models.Field[Any, Any], ...]" = (
    models.DateTimeField(),
    models.FloatField(),
    models.PositiveIntegerField(),
    models.CharField(),
    models.DateTimeField(),
    models.UUIDField(),
    models.DateTimeField(),
)
# Asked fifty times a second; put together by Django it takes five times as much of the processor.
_DUE_NOW = {
    "postgresql": "SELECT statement_timestamp() WHERE EXISTS (SELECT 1 FROM generation_job WHERE status = 'running' "
    "AND due_at <= statement_timestamp())",
    # It finds an index by `finished_at`, and by `status` none.
    "sqlite": "SELECT NULL WHERE EXISTS (SELECT 1 FROM generation_job WHERE finished_at IS NULL AND status = 'running' "
    "AND due_at <= strftime('%Y-%m-%d %H:%M:%f', 'now'))",
}
_LONG = 30.0  # seconds: the longest that who waits for a video of a minute waits
_IMPATIENT = f"AND pace < {_LONG} AND (attempts = 0 OR pace <= 0)"
# All that asking about a job and writing down the answer needs.
_ASKED = (
    *("id", "status", "prediction_id", "request_id", "due_at", "submitted_at", "expected_seconds", "late_at"),
    *("attempts", "odd_status", "not_found_since", "webhook_hash", "heard_at", "pace", "user_id"),
)
_SECONDS = {
    "postgresql": "EXTRACT(EPOCH FROM due_at)::double precision",
    "sqlite": "((julianday(due_at) - 2440587.5) * 86400)",
}
_GREATEST = {"postgresql": "GREATEST", "sqlite": "MAX"}
# PostgreSQL passes over what another watcher is just taking; SQLite knows one writer at a time.
_LOCK = {"postgresql": "FOR UPDATE SKIP LOCKED", "sqlite": ""}
# One statement, since whoever waits for a webhook waits for each of them. First come those that are overdue by the most
# of their own waits. MATERIALIZED: what is locked is looked for once.
_CLAIM = """
    WITH due (due_id) AS MATERIALIZED (
        SELECT id FROM generation_job WHERE finished_at IS NULL AND status = 'running' AND due_at <= %s {who}
        ORDER BY (%s - {seconds}) / {greatest}(pace, 1e-9) DESC LIMIT %s {lock}
    )
    UPDATE generation_job SET due_at = %s FROM due WHERE id = due_id RETURNING {asked}
"""
_WAIT = """
    UPDATE generation_job
    SET due_at = %s, pace = %s, attempts = %s, odd_status = %s, not_found_since = %s, polls = polls + 1
    WHERE id = %s AND status = 'running' AND due_at = %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """When a claimed job is due again whose prediction has not ended."""

    job_id: UUID
    claimed_until: datetime  # its due_at since it was claimed
    due_at: datetime
    pace: float  # seconds until then
    attempts: int  # questions in a row that got no answer
    odd_status: str
    not_found_since: datetime | None


def due_now() -> datetime | None:
    """Return the database's time where a running job is due, else None."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE_NOW[connection.vendor])
        row = cursor.fetchone()
    return (row[0] or timezone.now()) if row else None


def claim_statement(who: str = "") -> str:
    """Return the statement that takes due jobs: of now, now as seconds since 1970, how many, and until when."""
    vendor = connection.vendor
    return _CLAIM.format(
        seconds=_SECONDS[vendor], greatest=_GREATEST[vendor], lock=_LOCK[vendor], asked=", ".join(_ASKED), who=who
    )


def claim_impatient_statement() -> str:
    """Return the same statement for those that are not patient."""
    return claim_statement(_IMPATIENT)


def is_patient(pace: float, attempts: int) -> bool:
    """Say whether a job waits long anyway, or got no answer last time: it may be one of many whose questions hang.

    What was nudged just now has no pace and is none.
    """
    return pace >= _LONG or (attempts > 0 and pace > 0)


def write_waits(waits: Iterable[Wait]) -> None:
    """Write them down in the caller's transaction, but for jobs that were nudged or have moved on since their claim."""
    # Two who lock rows in the same order never wait for each other.
    rows = (
        (
            *(each.due_at, each.pace, each.attempts, each.odd_status, each.not_found_since),
            *(each.job_id, each.claimed_until),
        )
        for each in sorted(waits, key=lambda each: each.job_id)
    )
    prepared = [
        [kind.get_db_prep_value(value, connection) for kind, value in zip(_TYPES, row, strict=True)] for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.executemany(_WAIT, prepared)
