"""What the migration makes of ids of hints that an earlier one had widened, or something else."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

BEFORE, AFTER = ("generation", "0015_differences_have_words"), ("generation", "0016_ids_of_hints_have_32_bits")
LAST = 2**31 - 1
SEQUENCE = "pg_get_serial_sequence('django_q_ormq', 'id')"


def migrate(to) -> None:
    MigrationExecutor(connection).migrate([to])


@pytest.fixture
def latest():
    """Bring the database back to where all other tests want it."""
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SEQUENCE}")
        (sequence,) = cursor.fetchone()
        for statement in statements:
            cursor.execute(statement.replace("SEQUENCE", f"SEQUENCE {sequence}"))


def state() -> tuple[object, ...]:
    """Return the column's width, and the sequence's, its end, and whether it then begins anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT atttypid::regtype::text, seqtypid::regtype::text, seqmax, seqcycle FROM pg_attribute, pg_sequence"
            f" WHERE attrelid = 'django_q_ormq'::regclass AND attname = 'id' AND seqrelid = {SEQUENCE}::regclass"
        )
        return tuple(cursor.fetchone())


WIDENED = [
    "ALTER TABLE django_q_ormq ALTER COLUMN id TYPE bigint",
    f"ALTER SEQUENCE AS bigint MAXVALUE {2**63 - 1} NO CYCLE",
]
STATES = {
    "as it is": [],
    "widened": WIDENED,
    "widened, and the column alone": WIDENED[:1],
    "widened, and beyond 32 bits": [
        *WIDENED,
        f"SELECT setval({SEQUENCE}, {LAST + 7})",
        f"INSERT INTO django_q_ormq (id, key, payload) VALUES ({LAST + 7}, 'clapboard', 'out of reach')",
    ],
    "without an end that begins anew": ["ALTER SEQUENCE NO CYCLE"],
}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("before", STATES)
def test_every_earlier_state_becomes_the_right_one(latest, monkeypatch, before):
    monkeypatch.setattr(Conf, "POLL", 0)  # what the broker rests after an empty look
    monkeypatch.setattr(Conf, "BULK", 3)
    right = state()
    migrate(BEFORE)
    broker = get_broker("clapboard")
    broker.enqueue("of before")
    run(*STATES[before])

    migrate(AFTER)

    assert state() == right == ("integer", "integer", LAST, True)
    broker.enqueue("of after")
    assert sorted(payload for _, payload in broker.dequeue()) == ["of after", "of before"]


@pytest.mark.django_db(transaction=True)
def test_it_keeps_hints_that_wait(latest):
    migrate(BEFORE)
    get_broker("clapboard").enqueue("it waits")
    before = list(OrmQ.objects.values())

    migrate(AFTER)

    assert list(OrmQ.objects.values()) == before
