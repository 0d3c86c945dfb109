"""What the schema alone costs: the writes of a create as bare statements, with nothing around them."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.db.models import Model

from billing.models import LedgerEntry
from generation.models import Job, JobEvent

_Insert = Callable[..., Any]


def floor_of(job: Job, update: Callable[[], None]) -> Callable[[], None]:
    """Return work that writes what a create has written for this job, in one transaction; `update` takes the hold."""
    hold = _insert_like(job.hold, draws_key=True)
    line = _insert_like(LedgerEntry.objects.get(hold=job.hold), draws_key=True)
    row = _insert_like(job, draws_key=False)
    event = _insert_like(JobEvent.objects.filter(job=job).earliest("pk"), draws_key=True)
    key = job._meta.pk

    def work() -> None:
        job_id = key.get_db_prep_value(uuid4(), connection)
        with transaction.atomic():
            update()
            hold_id = hold(reference=job_id)
            line(reference=job_id, hold_id=hold_id)
            row(id=job_id, hold_id=hold_id)
            event(job_id=job_id)

    return work


def _insert_like(row: Model, *, draws_key: bool) -> _Insert:
    """Return an INSERT of the values of a row, but for the columns that are given."""
    fields = [field for field in row._meta.concrete_fields if not (draws_key and field.primary_key)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {row._meta.db_table} ({columns}) VALUES ({places}) RETURNING id"
    values = {field.column: field.get_db_prep_save(getattr(row, field.attname), connection) for field in fields}

    def insert(**instead: Any) -> Any:
        with connection.cursor() as cursor:
            cursor.execute(statement, list((values | instead).values()))
            return cursor.fetchone()[0]

    return insert
