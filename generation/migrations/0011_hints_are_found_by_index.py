"""Give django-q2's table of hints what it lacks: an index for what each look asks, and ids that do not run out.

Its own migrations do not know of either. The ids begin anew after the last one of 32 bits, since hints do not stay for
long. Wider ones would not do: Django takes none for a row of a model whose key has 32 bits, so that no such hint could
be claimed or acknowledged. SQLite counts to 64 bits, in Django, too; it would lose the index if a migration rebuilt the
table: django-q2 is pinned, and tests look for both.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def begin_anew_at_the_end(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor != "postgresql":
        return
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_serial_sequence('django_q_ormq', 'id')")
        (sequence,) = cursor.fetchone()
    schema_editor.execute(f"ALTER SEQUENCE {sequence} MAXVALUE {2**31 - 1} CYCLE")


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
        migrations.RunPython(begin_anew_at_the_end, migrations.RunPython.noop),
    ]
