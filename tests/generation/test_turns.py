"""One turn of the watcher: no row, no owner and no pile of rows makes everybody else wait."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from generation import services
from generation.models import Gate, Job
from generation.services import sparing
from tests.make import make_job

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _nothing_has_failed(monkeypatch) -> None:
    monkeypatch.setattr(sparing, "_failed", {})


@pytest.fixture
def _waits_a_second() -> Iterator[None]:
    """Wait for a lock no longer than that; the watcher waits for ten."""
    set_lock_timeout("1s")
    yield
    set_lock_timeout("0")


def set_lock_timeout(time: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, false)", [time])


@contextmanager
def locked(table: str, key: object) -> Iterator[None]:
    """Hold a row, as somebody does who has forgotten to commit."""
    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", [key])
        yield


def handed() -> set[Job]:
    return set(Job.objects.filter(handed_at__isnull=False))


@pytest.mark.postgres
@pytest.mark.usefixtures("_waits_a_second")
def test_a_queued_job_that_somebody_has_locked_is_passed_over_and_stays_in_the_line(alice, bob):
    services.the_gate()
    Gate.objects.update(predictions_at_a_time=1)
    held, other = make_job(alice), make_job(bob)

    with locked("generation_job", held.pk):
        assert services.dispatch() == 1
        assert handed() == {other}

    Gate.objects.update(predictions_at_a_time=2)
    assert services.dispatch() == 1
    assert handed() == {held, other}
