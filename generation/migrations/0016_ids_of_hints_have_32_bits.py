"""Bring ids of hints to 32 bits, with a sequence that begins anew behind the last, whatever they were before.

0011 was once another: it widened them to 64 bits, as wide as Django can't claim. Where it ran as it is now, nothing
changes, nor on SQLite.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

LAST = 2**31 - 1


def narrow(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence('django_q_ormq', 'id')")
        (sequence,) = cursor.fetchone()
        cursor.execute(f"SELECT last_value > {LAST} FROM {sequence}")  # noqa: S608 - names of ours
        (is_beyond,) = cursor.fetchone()
        cursor.execute(f"SELECT COALESCE(MAX(id), 0) FROM django_q_ormq WHERE id < {LAST}")  # noqa: S608 - a number of ours
        (highest,) = cursor.fetchone()
    # Nobody could take these. What they speak of is handed out again, by its row.
    schema_editor.execute(f"DELETE FROM django_q_ormq WHERE id > {LAST}")  # noqa: S608 - a number of ours
    restart = f" RESTART WITH {highest + 1}" if is_beyond else ""
    schema_editor.execute(f"ALTER SEQUENCE {sequence} MAXVALUE {LAST} CYCLE{restart}")
    schema_editor.execute("ALTER TABLE django_q_ormq ALTER COLUMN id TYPE integer")
    # An identity column's sequence has followed it by itself, and a serial of before Django 4.1 has not.
    schema_editor.execute(f"ALTER SEQUENCE {sequence} AS integer MAXVALUE {LAST} CYCLE")


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0015_differences_have_words"),
    ]

    operations = [
        migrations.RunPython(narrow, migrations.RunPython.noop),
    ]
