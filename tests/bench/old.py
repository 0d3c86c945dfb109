"""What has gathered over years, made in a moment: periods, holds, lines and finished jobs of one user, by bulk SQL."""

import sqlite3
from datetime import timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection
from django.db.models import F, Max, Model
from django.utils import timezone

from billing import services as billing
from billing.models import Hold, LedgerEntry, LimitsEntry, Period, Plan, Subscription, User, new_username
from billing.money import LIMITS
from billing.periods import period_of
from generation import services
from generation.models import Job
from tests.make import ACTOR, make_spec

_PERIODS = 100


def add_old_jobs(user: User, number: int, **instead: str) -> None:
    """Add finished jobs of the user's, with their holds and their lines, shared out among months that are over.

    A second lies between any two. `instead`: SQL of `i`, which counts from 0, for columns of the jobs.
    """
    months = _old_periods(user)
    job = services.create(user, make_spec(), by=ACTOR)
    billing.settle(job.hold, now=timezone.now(), by=ACTOR)
    Job.objects.filter(pk=job.pk).update(status="failed", finished_at=timezone.now(), error_code="provider_failed")
    first = (Hold.objects.aggregate(last=Max("pk"))["last"] or 0) + 1
    hold, period, reference = f"{first} + i", f"{months[0]} + i %% {_PERIODS}", _uuid(first)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = replica")  # what is made here refers to what is made here
    _multiply(job.hold, number, id=hold, period_id=period, reference=reference, api_key_id="NULL")
    for line in LedgerEntry.objects.filter(hold=job.hold).order_by("pk"):
        _multiply(line, number, id=None, hold_id=hold, period_id=period, reference=reference)
    _multiply(job, number, **{"id": reference, "hold_id": hold, "created_at": _seconds_before(), **instead})
    for place, month in enumerate(months):
        share = number // _PERIODS + (place < number % _PERIODS)
        spent = {f"{limit}_spent": F(f"{limit}_spent") + share * getattr(job.hold, limit) for limit in LIMITS}
        Period.objects.filter(pk=month).update(**spent)
    _tidy()


def add_subscribers(plan: Plan, number: int) -> list[User]:
    """Add users with an open period each."""
    now = timezone.now()
    starts_at, ends_at = period_of(now, now)
    people = User.objects.bulk_create(
        User(username=new_username(), email=f"{place}@bench.example.org") for place in range(number)
    )
    subscriptions = Subscription.objects.bulk_create(Subscription(user=each, plan=plan, anchor=now) for each in people)
    limits = {limit: getattr(plan, f"{limit}_limit") for limit in LIMITS}
    fields = {f"{limit}_{column}": value for limit, value in limits.items() for column in ("limit", "target")}
    periods = Period.objects.bulk_create(
        Period(subscription=each, starts_at=starts_at, ends_at=ends_at, **fields) for each in subscriptions
    )
    LimitsEntry.objects.bulk_create(LimitsEntry(period=each, at=now, reason="Bench.", **limits) for each in periods)
    return people


def _old_periods(user: User) -> list[int]:
    """Return the keys of a hundred months before now, in a row; made where they are missing."""
    subscription = billing.subscription_of(user, timezone.now())
    over = subscription.periods.filter(ends_at__lt=subscription.anchor).order_by("pk")
    if months := list(over.values_list("pk", flat=True)):
        return months
    last = Period.objects.aggregate(last=Max("pk"))["last"] or 0
    for place in range(_PERIODS):
        starts_at = subscription.anchor - timedelta(days=30 * (place + 2))
        Period.objects.create(
            pk=last + 1 + place, subscription=subscription, starts_at=starts_at, ends_at=starts_at + timedelta(days=30)
        )
        months.append(last + 1 + place)
    LimitsEntry.objects.bulk_create(
        LimitsEntry(period_id=month, at=subscription.anchor, reason="Bench.") for month in months
    )
    _tidy()
    return months


def _multiply(row: Model, number: int, **instead: str | None) -> None:
    """Insert so many copies of a row, with SQL of `i`, which counts from 0, in some columns; None leaves one out."""
    columns = [field.column for field in row._meta.concrete_fields if instead.get(field.column, "") is not None]
    values = [instead.get(column) or f"t.{column}" for column in columns]
    table, key = row._meta.db_table, row._meta.pk
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {number - 1})"
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) {numbers} "
            f"SELECT {', '.join(values)} FROM n CROSS JOIN {table} t WHERE t.{key.column} = %s",
            [key.get_db_prep_value(row.pk, connection)],
        )


def _uuid(first: int) -> str:
    """Return SQL for a UUID of its own for each i."""
    if connection.vendor == "sqlite":
        return f"printf('%%032x', {first} + i)"
    return f"lpad(to_hex({first} + i), 32, '0')::uuid"


def _seconds_before() -> str:
    """Return SQL for the moment i + 1 seconds before the row's that is copied."""
    if connection.vendor == "sqlite":
        return "strftime('%%Y-%%m-%%d %%H:%%M:%%f000', t.created_at, '-' || (i + 1) || ' seconds')"
    return "t.created_at - (i + 1) * interval '1 second'"


def version() -> str:
    """Return which database this is."""
    if connection.vendor == "sqlite":
        return f"SQLite {sqlite3.sqlite_version}"
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"


def _tidy() -> None:
    """Let the database know what is there: its sequences and its statistics."""
    statements: list[Any] = connection.ops.sequence_reset_sql(no_style(), [Hold, Period, LedgerEntry])
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET session_replication_role = DEFAULT")
        for statement in [*statements, "ANALYZE"]:
            cursor.execute(statement)
