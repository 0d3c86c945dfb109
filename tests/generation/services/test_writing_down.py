"""What the provider said of a submission is written down also when the database goes away: it is said once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from billing.models import Hold
from generation import services
from generation.models import Gate, Job, Status
from generation.services import submitting
from tests.make import ACTOR, make_spec

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(submitting, "_PAUSES", (0.01, 0.01, 0.01))


def handed(user, fault: str = "") -> Job:
    job = services.create(user, make_spec(f"fox [fault:{fault}]" if fault else "fox"), by=ACTOR)
    services.dispatch()
    return job


@contextmanager
def lost_once_behind(statement: str, *, skip: int = 0) -> Iterator[list[str]]:
    """End the connection once behind such a statement, inside its transaction; yield where it was ended."""
    seen: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found = execute(sql, *rest)
        if sql.startswith(statement):
            seen.append(sql)
            if len(seen) == skip + 1:
                _end_connection()
        return found

    with connection.execute_wrapper(watch):
        yield seen


def _end_connection() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    raise OperationalError("the connection is lost")


@pytest.mark.parametrize(
    ("fault", "status", "hold"),
    [
        ("refused", Status.FAILED, Hold.State.RELEASED),
        ("rate_limited", Status.QUEUED, Hold.State.HELD),
        ("no_credit", Status.QUEUED, Hold.State.HELD),
        ("dropped", Status.UNKNOWN, Hold.State.HELD),
        ("", Status.RUNNING, Hold.State.HELD),
    ],
)
def test_an_answer_stands_although_the_connection_is_lost_before_its_commit(alice, sandbox, fault, status, hold):
    job = handed(alice, fault)

    # The first line of history is the fence's, the second the answer's.
    with lost_once_behind('INSERT INTO "generation_jobevent"', skip=1) as seen:
        services.submit(job.pk)

    job = Job.objects.select_related("hold").get(pk=job.pk)
    assert (job.status, job.hold.state) == (status, hold)
    assert len(seen) == 3
    assert [event.to_status for event in job.events.all()][-2:] == [Status.SUBMITTING, status]


def test_an_answer_whose_commit_nobody_heard_takes_the_job_from_nobody_else(alice, sandbox, monkeypatch):
    job = handed(alice, "rate_limited")
    write_down, tries = submitting._write_down, []

    def write_down_unheard(*args):
        write_down(*args)
        tries.append(args)
        if len(tries) == 1:
            Job.objects.update(due_at=None)
            Gate.objects.update(narrowed_to=None)
            services.dispatch()
            another = submitting._claim(job.pk)
            assert another
            assert submitting._fence(another, timedelta(minutes=1))
            raise OperationalError("the connection is lost")

    monkeypatch.setattr(submitting, "_write_down", write_down_unheard)
    services.submit(job.pk)

    job = Job.objects.get(pk=job.pk)
    assert len(tries) == 2
    assert job.status == Status.SUBMITTING
    assert job.lease_until
    assert job.lease_until > timezone.now()
