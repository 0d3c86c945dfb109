"""Give django-q2's table of hints what it lacks: an index for what each look asks, and ids that do not run out.

Its own migrations do not know of either. SQLite has 64 bits already, and would lose the index if one of them rebuilt
the table: django-q2 is pinned, and a test looks for both.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def widen(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("ALTER TABLE django_q_ormq ALTER COLUMN id TYPE bigint")
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence('django_q_ormq', 'id')")
        (sequence,) = cursor.fetchone()
    # It follows an identity column by itself, and not the serial of a database that is older than Django 4.1.
    schema_editor.execute(f"ALTER SEQUENCE {sequence} AS bigint")


class Migration(migrations.Migration):
    dependencies = [
        ("generation", "0010_following"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE INDEX IF NOT EXISTS clapboard_hint_waiting ON django_q_ormq (key, lock)",
            "DROP INDEX IF EXISTS clapboard_hint_waiting",
        ),
        migrations.RunPython(widen, migrations.RunPython.noop),
    ]
