"""One row that can't be written down keeps no other from it, whatever goes wrong with it, in all threads at once."""

import sys
import threading
from collections.abc import Iterator

import pytest
from django.db import IntegrityError, OperationalError, connection, connections

from generation.models import Alert
from generation.services import sparing
from generation.services.sparing import Outcome, spare, write_down

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_has_failed(monkeypatch) -> None:
    monkeypatch.setattr(sparing, "_failed", {})


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def kept_waiting() -> None:
    raise OperationalError("canceling statement due to lock timeout")


def cannot_be_written() -> None:
    raise IntegrityError("a sum that does not fit")


def cannot_be_told(*_, **__) -> None:
    raise ValueError("no alert either")


@pytest.mark.usefixtures("_eager_threads")
@pytest.mark.django_db(transaction=True)
def test_threads_that_fail_at_once_do_not_disturb_each_other(monkeypatch):
    monkeypatch.setattr(sparing, "_PAUSE", 0.001)
    escaped: list[Exception] = []

    def run(what: str) -> None:
        connection.ensure_connection()  # without one, the database counts as gone
        try:
            for number in range(1500):
                spare(what, kept_waiting, of=f"job {number % 300}")
        except Exception as error:  # noqa: BLE001 - whatever escapes would end the watcher
            escaped.append(error)
        connection.close()  # this thread's own

    threads = [threading.Thread(target=run, args=(what,)) for what in ("end a job", "end a job", "cancel a job")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert escaped == []


def test_what_failed_is_tried_again_after_a_pause_and_not_before(monkeypatch):
    tries: list[int] = []
    spare("end a job", kept_waiting, of="job 1")

    assert spare("end a job", lambda: tries.append(1), of="job 1") is Outcome.KEPT_WAITING
    assert spare("end a job", lambda: tries.append(2), of="job 2")
    monkeypatch.setattr(sparing, "_PAUSE", 0)
    assert spare("end a job", lambda: tries.append(3), of="job 1") is Outcome.DONE
    assert tries == [2, 3]


def test_an_alert_that_cannot_be_written_harms_nobody_else(monkeypatch):
    monkeypatch.setattr(sparing, "alert", cannot_be_told)

    assert spare("end a job", cannot_be_written, of="job 1") is Outcome.FAILED
    assert not Alert.objects.exists()


def test_a_database_that_is_gone_when_operators_are_to_be_told_is_raised(monkeypatch):
    def go(*_, **__) -> None:
        monkeypatch.setattr(type(connections["default"]), "is_usable", lambda self: False)
        raise OperationalError("the connection is closed")

    monkeypatch.setattr(sparing, "alert", go)

    with pytest.raises(OperationalError):
        spare("end a job", cannot_be_written, of="job 1")


def test_one_by_one_ends_after_a_while_so_that_many_locks_do_not_keep_everybody_waiting(monkeypatch):
    monkeypatch.setattr(sparing, "_ONE_BY_ONE", 0)
    tries: list[list[int]] = []

    def write(numbers: list[int]) -> None:
        tries.append(numbers)
        kept_waiting()

    write_down("write a number", write, [1, 2, 3], str)

    assert tries == [[1, 2, 3], [1]]
