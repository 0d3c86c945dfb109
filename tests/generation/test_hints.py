"""The table of hints, which is django-q2's, with what a migration of ours gives it."""

import pytest
from django.db import connection
from django_q.models import OrmQ

pytestmark = pytest.mark.django_db


def test_waiting_hints_are_found_by_an_index():
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, OrmQ._meta.db_table)

    assert ["key", "lock"] in [one["columns"] for one in found.values() if one["index"]]


def test_ids_of_hints_do_not_end_with_32_bits():
    last = 2**31 - 1
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT setval(pg_get_serial_sequence('django_q_ormq', 'id'), %s)", [last])
        else:
            OrmQ.objects.create(pk=last, key="x", payload="x")

    assert OrmQ.objects.create(key="clapboard", payload="x").pk == last + 1
