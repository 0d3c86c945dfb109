"""What is looked at again and again reads what is under way, by an index, however many jobs have ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from generation import heart, services
from generation.models import Job, Status
from generation.models.following import due_now
from generation.pacing import Budget
from generation.rounds import Rounds
from tests.make import make_job, make_user
from tests.metrics.reading import TOKEN, answer

pytestmark = pytest.mark.django_db

AGAIN_AND_AGAIN: dict[str, Callable[[], object]] = {
    "metrics": answer,
    "readyz": lambda: Client().get("/readyz"),
    "heart": lambda: heart.silent(timezone.now()),
    "in flight": lambda: Job.objects.in_flight(timezone.now()).count(),
    "queued": lambda: Job.objects.queued().first(),
    "dispatch": services.dispatch,
    "sweep": services.sweep,
    "due": due_now,
    "claim": lambda: Job.objects.claim(timezone.now(), timedelta(seconds=9), 9),
    "claim what is impatient": lambda: Job.objects.claim_impatient(timezone.now(), timedelta(seconds=9), 9),
    "rounds": lambda: Rounds(Budget(rate=200.0)).turn(),
}


def plans(step: Callable[[], object]) -> dict[str, str]:
    """Return how the database finds the rows of each statement about jobs, which it is given as the step gave it."""
    given: list[tuple[str, Any]] = []

    def note(execute, sql, params, many, context):
        if 'FROM "generation_job"' in sql or " generation_job " in sql:
            given.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        step()
    explain = "EXPLAIN" if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN"
    found = {}
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # which is faster while the table is this small
        for sql, params in given:
            cursor.execute(f"{explain} {sql}", params)
            found[sql] = "\n".join(str(row[-1]) for row in cursor.fetchall())
    return found


def reads_all(plan: str) -> bool:
    return any(
        ("SCAN generation_job" in line and " USING " not in line) or "Seq Scan on generation_job" in line
        for line in plan.splitlines()
    )


@pytest.mark.parametrize("name", AGAIN_AND_AGAIN)
def test_what_is_done_again_and_again_does_not_read_all_jobs(name, settings):
    settings.METRICS_TOKEN = TOKEN
    services.the_gate()
    for status in Status:
        make_job(make_user(), status=status)
    found = plans(AGAIN_AND_AGAIN[name])

    assert found
    assert not [(sql, plan) for sql, plan in found.items() if reads_all(plan)]


def test_what_reads_all_jobs_is_told():
    """This test shows that the one above means something."""
    (plan,) = plans(lambda: Job.objects.filter(prompt="fox").count()).values()

    assert reads_all(plan)
