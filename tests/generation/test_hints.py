"""The table of hints, which is django-q2's, with what a migration of ours gives it."""

import pytest
from django.db import connection
from django_q.brokers import get_broker
from django_q.conf import Conf
from django_q.models import OrmQ

from generation.services.hinting import let_go

pytestmark = pytest.mark.django_db

LAST = 2**31 - 1


def test_waiting_hints_are_found_by_an_index():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, OrmQ._meta.db_table)

    assert ["key", "lock"] in [one["columns"] for one in found.values() if one["index"]]


def test_hints_are_claimed_and_acknowledged_when_their_ids_reach_32_bits_and_behind(monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 0)  # what the broker rests after an empty look
    monkeypatch.setattr(Conf, "BULK", 3)
    begin_ids_at(LAST - 1)
    broker = get_broker("clapboard")
    for payload in ("a", "b", "c"):
        broker.enqueue(payload)

    claimed = broker.dequeue()
    for pk, _ in claimed:
        broker.acknowledge(pk)

    assert sorted(payload for _, payload in claimed) == ["a", "b", "c"]
    assert {LAST - 1, LAST} < {pk for pk, _ in claimed}
    assert not broker.dequeue()
    assert not OrmQ.objects.exists()


def test_what_dead_workers_had_in_hand_is_given_out_again_at_once_and_nothing_of_another_cluster(monkeypatch):
    monkeypatch.setattr(Conf, "POLL", 0)
    brokers = {name: get_broker(name) for name in ("clapboard", "collect")}
    for name, broker in brokers.items():
        broker.enqueue(name)
        assert broker.dequeue()
        assert not broker.dequeue()  # until `retry` is over

    assert let_go("clapboard") == 1

    assert [payload for _, payload in brokers["clapboard"].dequeue()] == ["clapboard"]
    assert not brokers["collect"].dequeue()


def begin_ids_at(first: int) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('django_q_ormq', 'id'), %s, false)", [first])
        else:
            OrmQ.objects.create(pk=first - 1, key="x", payload="x").delete()
