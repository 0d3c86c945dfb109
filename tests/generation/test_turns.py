"""One turn of the watcher: no row, no owner and no pile of rows makes everybody else wait."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from time import monotonic

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from generation import heart, rounds, services
from generation.models import Gate, Heartbeat, Job, Status, Watcher
from generation.pacing import Budget
from generation.services import sparing, sweeping
from tests.generation.services.test_following import make_running
from tests.make import make_job, make_user

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


@pytest.fixture
def _each_takes_long(monkeypatch) -> None:
    """Let each repair take so long that a turn has time for no other."""
    spare, now = sweeping.spare, [0.0]

    def slowly(*args, **kwargs) -> bool:
        now[0] += 2
        return spare(*args, **kwargs)

    monkeypatch.setattr(sweeping, "monotonic", lambda: now[0])
    monkeypatch.setattr(sweeping, "spare", slowly)


def make_each_kind(user, number: int) -> dict[str, list[Job]]:
    """Make so many rows of each kind that a sweep repairs."""
    over = timezone.now() - timedelta(seconds=1)
    long_ago = timezone.now() - timedelta(minutes=20)
    made = {name: make_running(user, number) for name in ("unanswered", "uncollected", "late")}
    fields = {
        "unanswered": {"status": Status.SUBMITTING, "lease_until": over},
        "uncollected": {"status": Status.COLLECTING, "lease_until": over, "due_at": None, "late_at": over},
        "late": {"status": Status.COLLECTING, "lease_until": timezone.now() + timedelta(hours=1)},
    }
    for name, jobs in made.items():
        Job.objects.filter(pk__in=[job.pk for job in jobs]).update(submitted_at=long_ago, **fields[name])
    return made


@pytest.mark.usefixtures("_each_takes_long")
def test_a_sweep_takes_a_second_of_a_turn_and_goes_on_in_the_next_with_another_kind(alice):
    made = make_each_kind(alice, 2)
    closed = make_user()
    made["ownerless"] = [make_job(closed) for _ in range(2)]
    closed.is_active = False
    closed.save()
    some = services.Sweep()

    def repaired() -> dict[str, int]:
        now = timezone.now()
        left = {
            "late": Job.objects.filter(status=Status.COLLECTING, late_at=None),
            "unanswered": Job.objects.filter(status=Status.SUBMITTING),
            "uncollected": Job.objects.filter(status=Status.COLLECTING, lease_until__lte=now),
            "ownerless": Job.objects.filter(status=Status.QUEUED),
        }
        return {name: 2 - rows.count() for name, rows in left.items()}

    for _ in range(4):
        some.turn(seconds=1)
    assert repaired() == {"late": 1, "unanswered": 1, "uncollected": 1, "ownerless": 1}
    for _ in range(8):  # each kind twice: behind the last row it begins anew
        some.turn(seconds=1)
    assert repaired() == {"late": 2, "unanswered": 2, "uncollected": 2, "ownerless": 2}


def test_a_row_that_cannot_be_repaired_keeps_a_short_sweep_from_no_other(alice, monkeypatch):
    jobs = make_each_kind(alice, 3)["unanswered"]
    odd = min(jobs, key=lambda job: job.pk)
    lose_sight = sweeping.lose_sight

    def fail(job, **rest) -> bool:
        if job.pk == odd.pk:
            raise ValueError("nobody foresaw this")
        return lose_sight(job, **rest)

    monkeypatch.setattr(sweeping, "lose_sight", fail)
    some = services.Sweep()
    for _ in range(20):
        some.turn(seconds=0)

    assert list(Job.objects.filter(status=Status.SUBMITTING)) == [odd]


def test_signs_of_life_and_dispatch_do_not_wait_for_the_sweep(alice, monkeypatch):
    queued = make_job(alice)

    def look(self, *, seconds: float) -> int:
        assert seconds <= 1
        assert handed() == {queued}
        assert Heartbeat.objects.filter(name="watcher").exists()
        assert Watcher.objects.exists()
        looked.append(seconds)
        return 0

    looked: list[float] = []
    monkeypatch.setattr(services.Sweep, "turn", look)

    rounds.Rounds(Budget(rate=10)).turn()

    assert looked


def test_a_sweep_loads_no_prompts(alice):
    make_each_kind(alice, 1)
    kinds = services.Sweep()._kinds

    for kind in kinds:
        assert all("prompt" in job.get_deferred_fields() for job in kind.some(timezone.now(), ()))


@pytest.mark.postgres
@pytest.mark.usefixtures("_waits_a_second")
def test_a_sweep_waits_for_one_lock_of_an_owner_and_repairs_the_others(alice, bob):
    held = [make_job(alice) for _ in range(6)]
    free = make_job(bob)
    for user in (alice, bob):
        user.is_active = False
        user.save()
    some = services.Sweep()

    with locked("billing_period", held[0].hold.period_id):
        began = monotonic()
        for _ in range(12):
            some.turn(seconds=1)
        assert monotonic() - began < 5
        assert list(Job.objects.filter(status=Status.CANCELED)) == [free]

    some._passed_over.clear()
    sparing._failed.clear()
    for _ in range(8):
        some.turn(seconds=1)
    assert Job.objects.filter(status=Status.CANCELED).count() == 7


def test_a_watcher_that_is_started_anew_again_and_again_takes_one_share(db):
    healthy = rounds.Rounds(Budget(rate=500))
    healthy._name = "another host 1"
    for _ in range(6):
        rounds.Rounds(Budget(rate=500)).turn()  # and it dies

    healthy.turn()

    assert healthy._budget.sharers == 2


def test_the_names_of_hosts_that_differ_at_the_end_fit_and_differ(db, monkeypatch):
    names = set()
    for end in ("7f9c8d-abcde", "7f9c8d-fghij"):
        monkeypatch.setattr(
            rounds, "gethostname", lambda end=end: f"clapboard-production-watcher-deployment-{end}"[:64]
        )
        turning = rounds.Rounds(Budget(rate=10))
        turning.turn()
        names.add(turning._name)

    assert set(Watcher.objects.values_list("name", flat=True)) == names
    assert len(names) == 2
    assert max(map(len, names)) <= Watcher._meta.get_field("name").max_length


def test_who_was_forgotten_in_the_very_moment_still_asks(db, monkeypatch):
    monkeypatch.setattr(Watcher.objects, "update_or_create", lambda **_: None)
    budget = Budget(rate=10)

    rounds.Rounds(budget).turn()

    assert budget.left(0) == 10


def test_a_watcher_whose_turn_lasts_is_not_forgotten(db, monkeypatch):
    turning, shown, passed = rounds.Rounds(Budget(rate=10)), [], [0.0]

    def last(self, *, seconds: float) -> int:
        passed[0] += 40
        return 0

    def show(name: str, now) -> int:
        shown.append(now)
        return 1

    monkeypatch.setattr(rounds, "monotonic", lambda: passed[0])
    monkeypatch.setattr(services.Sweep, "turn", last)
    monkeypatch.setattr(heart, "present", show)
    before = timezone.now()
    turning.turn()

    assert len(shown) == 2
    assert shown[1] - before >= timedelta(seconds=40)
