"""What keeps the ledger as it was written: triggers, and foreign keys that let nothing go."""

from uuid import uuid4

import pytest
from django.apps import apps
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, connection, models, transaction
from django.db.models import F
from django.db.models.signals import post_migrate

from billing.models import Hold, LedgerEntry, LimitsEntry
from billing.triggers import drop_triggers, lifted, make_triggers, missing_triggers
from tests.billing.make import make_amount, make_hold, make_price, make_used
from tests.make import make_key, make_plan, make_user

pytestmark = pytest.mark.django_db

BOTH = ["ledger_lines_are_not_changed", "ledger_lines_are_not_removed"]
HOLDS = "holds_keep_what_they_are_for"
LINES = "billing_ledgerentry"


def all_of_them() -> list[str]:
    """Return the names of the triggers of this database; only SQLite knows INSERT OR REPLACE."""
    ends = ("changed", "removed") if connection.vendor == "postgresql" else ("changed", "removed", "replaced")
    lines = [f"{lines}_are_not_{end}" for lines in ("ledger_lines", "limits_lines") for end in ends]
    return [*lines, HOLDS]


@pytest.fixture
def line():
    """Is a line of a ledger that has some."""
    make_used(make_user(plan=make_plan()), make_amount())
    return LedgerEntry.objects.earliest("pk")


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def rewrite(line: LedgerEntry) -> None:
    line.spend += 1
    line.save()


WAYS = {
    "update": lambda _: LedgerEntry.objects.update(spend=1),
    "update of nothing at all": lambda _: LedgerEntry.objects.update(spend=models.F("spend")),
    "save": rewrite,
    "bulk update": lambda line: LedgerEntry.objects.bulk_update([line], ["spend"]),
    "update or create": lambda line: LedgerEntry.objects.update_or_create({"spend": 1}, pk=line.pk),
    "update in SQL": lambda _: execute(f"UPDATE {LINES} SET reason = 'another'"),
    "delete": lambda line: line.delete(),
    "bulk delete": lambda _: LedgerEntry.objects.all().delete(),
    "raw delete": lambda _: LedgerEntry.objects.all()._raw_delete("default"),
    "delete in SQL": lambda _: execute(f"DELETE FROM {LINES}"),
}


# --- refusing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_line_is_neither_changed_nor_removed(line, way):
    before = list(LedgerEntry.objects.values())
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        way(line)
    assert list(LedgerEntry.objects.values()) == before


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("tables", [LINES, "billing_hold", "billing_period"])
def test_the_lines_are_not_truncated_either(line, tables):
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        execute(f"TRUNCATE {tables} CASCADE")
    assert LedgerEntry.objects.count() == 2


@pytest.mark.parametrize("way", ["update", "delete in SQL"])
def test_control_without_the_triggers_a_line_goes(line, way):
    # This test exists to show that it is the triggers that refuse.
    with lifted():
        WAYS[way](line)
    assert not LedgerEntry.objects.filter(pk=line.pk, spend=line.spend).exists()


def test_a_line_can_be_added(line):
    make_hold(make_user())
    assert LedgerEntry.objects.count() == 3


def test_the_triggers_are_back_after_they_were_lifted(line):
    with lifted():
        assert missing_triggers() == all_of_them()
    assert missing_triggers() == []


OF_A_HOLD = {
    "reference": lambda: Hold.objects.update(reference=uuid4()),
    "price": lambda: Hold.objects.update(price=make_price()),
    "key": lambda: Hold.objects.update(api_key=make_key(make_user())[0]),
    "no key": lambda: Hold.objects.update(api_key=None),
    "period": lambda: Hold.objects.update(period=F("period")),
    "save": lambda: Hold.objects.get().save(),
}


@pytest.mark.parametrize("change", OF_A_HOLD.values(), ids=OF_A_HOLD)
def test_what_a_hold_is_for_stays(line, change):
    before = Hold.objects.values().get()
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        change()
    assert Hold.objects.values().get() == before


def test_a_guard_of_other_columns_than_ours_counts_as_missing(line):
    is_sqlite = connection.vendor == "sqlite"
    does = "BEGIN SELECT RAISE(ABORT, 'no'); END" if is_sqlite else f"FOR EACH STATEMENT {CALLS}"
    if not is_sqlite:
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"DROP TRIGGER {HOLDS}" + ("" if is_sqlite else " ON billing_hold"))
    execute(f"CREATE TRIGGER {HOLDS} BEFORE UPDATE OF price_id, reference ON billing_hold {does}")
    assert missing_triggers() == [HOLDS]
    make_triggers()
    assert missing_triggers() == []


# --- making them anew -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gone", [BOTH, BOTH[:1], BOTH[1:]], ids=len)
def test_what_is_missing_is_made_and_what_is_there_is_left(line, gone):
    for name in gone:
        execute(f"DROP TRIGGER {name}" + (f" ON {LINES}" if connection.vendor == "postgresql" else ""))
    assert missing_triggers() == gone
    make_triggers()
    assert missing_triggers() == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(spend=1)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("app", [[], ["billing"], ["generation"]])
def test_every_migrate_makes_them_anew(app):
    drop_triggers()
    call_command("migrate", *app, verbosity=0)
    assert missing_triggers() == []


@pytest.mark.postgres
def test_a_trigger_that_is_switched_off_counts_as_missing(line):
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"ALTER TABLE {LINES} DISABLE TRIGGER {BOTH[0]}")
    assert missing_triggers() == BOTH[:1]
    make_triggers()
    assert missing_triggers() == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(spend=1)


def test_a_trigger_of_another_table_guards_nothing(line):
    drop_triggers()
    is_sqlite = connection.vendor == "sqlite"
    what = "BEGIN SELECT 1; END" if is_sqlite else "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
    execute(f"CREATE TRIGGER {BOTH[0]} BEFORE UPDATE ON billing_notice {what}")
    try:
        assert missing_triggers() == all_of_them()
    finally:
        execute(f"DROP TRIGGER {BOTH[0]}" + ("" if is_sqlite else " ON billing_notice"))
        make_triggers()


ON_LINES = f"BEFORE UPDATE ON {LINES}"
CALLS = "EXECUTE FUNCTION ledger_is_append_only()"
OTHERS = {
    "sqlite": {
        "does nothing": [f"CREATE TRIGGER {BOTH[0]} {ON_LINES} BEGIN SELECT 1; END"],
        "only ignores": [f"CREATE TRIGGER {BOTH[0]} {ON_LINES} BEGIN SELECT RAISE(IGNORE); END"],
        "fires never": [f"CREATE TRIGGER {BOTH[0]} {ON_LINES} WHEN 0 BEGIN SELECT RAISE(ABORT, 'no'); END"],
    },
    "postgresql": {
        "does nothing": [
            "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN NULL; END$$",
            f"CREATE TRIGGER {BOTH[0]} {ON_LINES} FOR EACH STATEMENT EXECUTE FUNCTION nothing()",
        ],
        "fires never": [f"CREATE TRIGGER {BOTH[0]} {ON_LINES} FOR EACH STATEMENT WHEN (false) {CALLS}"],
        "fires for one column": [
            f"CREATE TRIGGER {BOTH[0]} BEFORE UPDATE OF reason ON {LINES} FOR EACH STATEMENT {CALLS}"
        ],
        "fires afterwards": [f"CREATE TRIGGER {BOTH[0]} AFTER UPDATE ON {LINES} FOR EACH STATEMENT {CALLS}"],
        "for each row": [f"CREATE TRIGGER {BOTH[0]} {ON_LINES} FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()"],
    },
}


@pytest.mark.parametrize("other", sorted({name for each in OTHERS.values() for name in each}))
def test_a_trigger_of_the_right_name_that_is_not_ours_counts_as_missing(line, other):
    if other not in OTHERS[connection.vendor]:
        return
    if connection.vendor == "postgresql":
        execute("SET CONSTRAINTS ALL IMMEDIATE")
    execute(f"DROP TRIGGER {BOTH[0]}" + (f" ON {LINES}" if connection.vendor == "postgresql" else ""))
    for statement in OTHERS[connection.vendor][other]:
        execute(statement)
    assert missing_triggers() == BOTH[:1]
    assert said() == ["clapboard.E005"]
    make_triggers()
    assert missing_triggers() == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(spend=1)


@pytest.mark.postgres
def test_a_function_of_the_right_name_that_does_nothing_is_seen_and_mended(line):
    execute(
        "CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$BEGIN RETURN NULL; END$$"
    )
    assert missing_triggers() == all_of_them()
    execute("SET CONSTRAINTS ALL IMMEDIATE")
    make_triggers()
    assert missing_triggers() == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(spend=1)


# --- INSERT OR REPLACE ------------------------------------------------------------------------------------------------

COLUMNS = (
    "period_id, hold_id, grant_id, price_id, reference, kind, spend, videos, seconds, actor, request_id, at, reason"
)
RELEASED = COLUMNS.replace("kind", "'release'")
REPLACING = {
    "of the same id": f"SELECT id, {COLUMNS} FROM {LINES} WHERE id = {{id}}",
    "of the same hold": f"SELECT NULL, {COLUMNS} FROM {LINES} WHERE id = {{id}}",
    "another end of it": f"SELECT NULL, {RELEASED} FROM {LINES} WHERE kind = 'settle'",
}


@pytest.mark.skipif("connection.vendor == 'postgresql'")
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("replacing", REPLACING.values(), ids=REPLACING)
def test_a_line_is_not_replaced_either(line, replacing, recursive):
    # OFF is how any other program opens the database.
    before = list(LedgerEntry.objects.values())
    execute(f"PRAGMA recursive_triggers={recursive}")
    try:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
            execute(f"INSERT OR REPLACE INTO {LINES} (id, {COLUMNS}) {replacing.format(id=line.pk)}")
    finally:
        execute("PRAGMA recursive_triggers=ON")
    assert list(LedgerEntry.objects.values()) == before


@pytest.mark.skipif("connection.vendor == 'postgresql'")
def test_control_without_both_a_line_is_replaced(line):
    # This test exists to show that INSERT OR REPLACE passes the trigger that refuses to remove.
    execute("PRAGMA recursive_triggers=OFF")
    execute("DROP TRIGGER ledger_lines_are_not_replaced")
    try:
        execute(
            f"INSERT OR REPLACE INTO {LINES} (id, {COLUMNS}) "
            f"SELECT id, {COLUMNS.replace('spend', 'spend + 1')} FROM {LINES} WHERE id = {line.pk}"
        )
    finally:
        execute("PRAGMA recursive_triggers=ON")
        make_triggers()
    assert LedgerEntry.objects.get(pk=line.pk).spend == line.spend + 1


def test_every_connection_of_ours_fires_triggers_of_what_it_replaces(db):
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA recursive_triggers")
            assert cursor.fetchone() == (1,)


# --- lines of limits --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "way", [lambda: LimitsEntry.objects.update(spend=1), lambda: LimitsEntry.objects.all()._raw_delete("default")]
)
def test_what_limits_were_is_neither_changed_nor_removed(line, way):
    before = list(LimitsEntry.objects.values())
    assert before
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        way()
    assert list(LimitsEntry.objects.values()) == before


def remake_the_table() -> None:
    """Do what most migrations of the table do on SQLite."""
    with connection.schema_editor() as editor:
        editor._remake_table(LedgerEntry)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'postgresql'")
def test_control_a_table_that_django_remakes_loses_them():
    # This test exists to show why they are made after every migrate.
    remake_the_table()
    assert missing_triggers() == [*BOTH, "ledger_lines_are_not_replaced"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif("connection.vendor == 'postgresql'")
def test_a_table_that_was_remade_is_guarded_once_migrate_is_through():
    make_hold(make_user())
    remake_the_table()
    config = apps.get_app_config("billing")
    post_migrate.send(sender=config, app_config=config, using="default", verbosity=0, interactive=False)
    assert missing_triggers() == []
    with pytest.raises(IntegrityError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.update(spend=1)


# --- saying so --------------------------------------------------------------------------------------------------------


def said() -> list[str]:
    return [str(message.id) for message in run_checks(databases=["default"]) if message.id == "clapboard.E005"]


def test_the_system_check_speaks_when_they_are_missing(line):
    assert said() == []
    with lifted():
        assert said() == ["clapboard.E005"]
    assert said() == []


@pytest.mark.django_db(transaction=True)
def test_the_way_out_that_the_check_names_is_one():
    drop_triggers()
    with pytest.raises(SystemCheckError, match=r"Run `manage\.py migrate`"):
        call_command("check", databases=["default"])
    call_command("migrate", verbosity=0, skip_checks=False)
    assert said() == []


# --- foreign keys -----------------------------------------------------------------------------------------------------


def foreign_keys() -> "list[models.ForeignKey[object, object]]":
    """Return every foreign key out of ledger and holds, or into them, and from there on."""
    of_money = {LedgerEntry, Hold, *(model for model in apps.get_app_config("billing").get_models())}
    keys = [field for model in apps.get_models() for field in model._meta.get_fields() if is_key(field)]
    return [key for key in keys if key.model in of_money or key.related_model in {LedgerEntry, Hold}]


def is_key(field: object) -> bool:
    return isinstance(field, models.ForeignKey) and not field.auto_created


def is_a_permission(key: models.Field) -> bool:
    return key.related_model is not None and key.related_model._meta.app_label == "auth"


def test_nothing_that_money_speaks_of_can_be_deleted_under_it():
    keys = foreign_keys()
    names = {f"{key.model.__name__}.{key.name}" for key in keys}
    assert {"LedgerEntry.hold", "LedgerEntry.period", "LedgerEntry.grant", "LedgerEntry.price", "Hold.period"} <= names
    assert "Job.hold" in names
    loose = [str(key) for key in keys if key.remote_field.on_delete is not models.PROTECT and not is_a_permission(key)]
    assert loose == []


def test_the_keys_of_the_ledger_stand_in_the_database_too(line):
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, LINES)
    held = {tuple(constraint["columns"]) for constraint in found.values() if constraint["foreign_key"]}
    assert held == {("period_id",), ("hold_id",), ("grant_id",), ("price_id",)}
