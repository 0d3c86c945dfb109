"""SQL for following thousands of jobs: who comes first, and when each is due again, written down together."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Func, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Greatest
from django.db.models.sql.compiler import SQLCompiler

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
_ANY_DUE = {
    "postgresql": "SELECT EXISTS (SELECT 1 FROM generation_job WHERE status = 'running' "
    "AND due_at <= statement_timestamp())",
    "sqlite": "SELECT EXISTS (SELECT 1 FROM generation_job WHERE status = 'running' "
    "AND due_at <= strftime('%Y-%m-%d %H:%M:%f', 'now'))",
}
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


def any_due() -> bool:
    """Say whether a running job is due, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(_ANY_DUE[connection.vendor])
        return bool(cursor.fetchone()[0])


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


def overdue(now: datetime) -> CombinedExpression:
    """Return by how many of its own waits a job is overdue. What was nudged has waited for none and beats them all."""
    # A millisecond more, so that what was nudged just now beats them all as well.
    return (Value(now.timestamp() + 0.001) - _Seconds("due_at")) / Greatest(F("pace"), Value(1e-9))


class _Seconds(Func):
    """A moment as seconds since 1970."""

    output_field = models.FloatField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="EXTRACT(EPOCH FROM %(expressions)s)::double precision")

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="((julianday(%(expressions)s) - 2440587.5) * 86400)")
