"""Lines of the ledger are never changed and never removed, says the database itself."""

from django.db import migrations

from billing.triggers import drop_triggers, make_triggers


def guard(apps, schema_editor):
    make_triggers(schema_editor.connection)


def lift(apps, schema_editor):
    drop_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_limits_ledger_and_notices")]
    operations = [migrations.RunPython(guard, lift)]
