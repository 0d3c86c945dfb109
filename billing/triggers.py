"""The database's own guard of the ledger: a line is never changed, never removed and never replaced.

Nor is what a hold is for: its reference, its price, its key and its period, which its lines repeat or lead to.

SQLite loses triggers whenever Django remakes a table, which most migrations do there. So they are made anew with every
`migrate`, and a system check and check_ledger say when one is missing or does something else than ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_SAYS = "The ledger is append-only: write a line that corrects."
_FUNCTION = "ledger_is_append_only"
_BODY = f"BEGIN RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END"
_BEFORE_STATEMENT = 2  # bits of PostgreSQL's tgtype
_BITS = {"DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
# INSERT OR REPLACE removes what is in the way, past the triggers of SQLite unless the connection has
# recursive_triggers on, as ours have. What is in the way has the same id, or is the same end of the same hold.
_IN_THE_WAY = """ WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"""
_IN_THE_WAY_OF_A_HOLD = """ WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id) OR EXISTS (
        SELECT 1 FROM {table} WHERE hold_id = NEW.hold_id AND (
            kind = NEW.kind OR kind IN ('settle', 'release') AND NEW.kind IN ('settle', 'release')))"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Trigger:
    """One trigger of ours; `when` is SQL that only SQLite needs, `columns` are all that an update must not name."""

    name: str
    table: str
    on_sqlite: str
    on_postgres: tuple[str, ...]
    when: str = ""
    columns: tuple[str, ...] = ()

    def sqlite(self) -> str:
        """Return the statement as SQLite keeps it."""
        when = self.when.format(table=self.table)
        says = f"BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END"
        return f"CREATE TRIGGER {self.name} BEFORE {self.on_sqlite}{self._of()} ON {self.table}{when} {says}"

    def postgres(self) -> str:
        """Return the statement: FOR EACH ROW would not see TRUNCATE."""
        what = " OR ".join(self.on_postgres)
        calls = f"FOR EACH STATEMENT EXECUTE FUNCTION {_FUNCTION}()"
        return f"CREATE TRIGGER {self.name} BEFORE {what}{self._of()} ON {self.table} {calls}"

    def bits(self) -> int:
        """Return what PostgreSQL notes of it."""
        return _BEFORE_STATEMENT | sum(_BITS[event] for event in self.on_postgres)

    def _of(self) -> str:
        return f" OF {', '.join(self.columns)}" if self.columns else ""


def _of(table: str, lines: str, in_the_way: str) -> list[_Trigger]:
    return [
        _Trigger(name=f"{lines}_are_not_changed", table=table, on_sqlite="UPDATE", on_postgres=("UPDATE",)),
        _Trigger(name=f"{lines}_are_not_removed", table=table, on_sqlite="DELETE", on_postgres=("DELETE", "TRUNCATE")),
        _Trigger(name=f"{lines}_are_not_replaced", table=table, on_sqlite="INSERT", on_postgres=(), when=in_the_way),
    ]


_TRIGGERS = [
    *_of("billing_ledgerentry", "ledger_lines", _IN_THE_WAY_OF_A_HOLD),
    *_of("billing_limitsentry", "limits_lines", _IN_THE_WAY),
    _Trigger(
        name="holds_keep_what_they_are_for",
        table="billing_hold",
        on_sqlite="UPDATE",
        on_postgres=("UPDATE",),
        columns=("api_key_id", "period_id", "price_id", "reference"),
    ),
]


def make_triggers(to: BaseDatabaseWrapper = connection) -> None:
    """Make the triggers that are missing, or that are not ours, of the tables that are there."""
    missing = set(missing_triggers(to))
    if not missing:
        return
    with to.cursor() as cursor:
        if to.vendor != "sqlite":
            cursor.execute(f"CREATE OR REPLACE FUNCTION {_FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $${_BODY}$$")
        for trigger in _ours(to):
            if trigger.name in missing:
                cursor.execute(_drop(trigger, to))  # one that was switched off is there and guards nothing
                cursor.execute(trigger.sqlite() if to.vendor == "sqlite" else trigger.postgres())


def drop_triggers(from_: BaseDatabaseWrapper = connection) -> None:
    """Remove the triggers: for tests that flush, and for nobody else."""
    with from_.cursor() as cursor:
        for trigger in _ours(from_):
            cursor.execute(_drop(trigger, from_))


def missing_triggers(in_: BaseDatabaseWrapper = connection) -> list[str]:
    """Return the names of the triggers that are not there, or do something else than ours."""
    there = _on_sqlite(in_) if in_.vendor == "sqlite" else _on_postgres(in_)
    return [trigger.name for trigger in _ours(in_) if trigger not in there]


def _ours(in_: BaseDatabaseWrapper) -> list[_Trigger]:
    """Return the triggers that belong into a database, as far as it has their tables."""
    tables = set(in_.introspection.table_names())
    of_tables = [trigger for trigger in _TRIGGERS if trigger.table in tables]
    return of_tables if in_.vendor == "sqlite" else [trigger for trigger in of_tables if trigger.on_postgres]


def _on_sqlite(in_: BaseDatabaseWrapper) -> list[_Trigger]:
    with in_.cursor() as cursor:
        cursor.execute("SELECT tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        there = set(cursor.fetchall())
    return [trigger for trigger in _TRIGGERS if (trigger.table, trigger.sqlite()) in there]


def _on_postgres(in_: BaseDatabaseWrapper) -> list[_Trigger]:
    """Return those that are switched on, fire as ours do, always, and call a function that does what ours does."""
    with in_.cursor() as cursor:
        cursor.execute(
            "SELECT tgname, tgrelid::regclass::text, tgtype::int, coalesce((SELECT string_agg(attname, ',' ORDER BY "
            "attname COLLATE \"C\") FROM pg_attribute WHERE attrelid = tgrelid AND attnum = ANY(tgattr::int2[])), '') "
            "FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE tgenabled IN ('O', 'A') AND tgqual IS NULL AND proname = %s AND prosrc = %s",
            [_FUNCTION, _BODY],
        )
        there = set(cursor.fetchall())
    said = {trigger: (trigger.name, trigger.table, trigger.bits(), ",".join(trigger.columns)) for trigger in _TRIGGERS}
    return [trigger for trigger, as_noted in said.items() if as_noted in there]


def _drop(trigger: _Trigger, in_: BaseDatabaseWrapper) -> str:
    of_table = "" if in_.vendor == "sqlite" else f" ON {trigger.table}"
    return f"DROP TRIGGER IF EXISTS {trigger.name}{of_table}"


@contextmanager
def lifted() -> Iterator[None]:
    """Let lines be changed while the block runs: for tests of what check_ledger finds."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or what is checked at commit still uses the table
    drop_triggers()
    try:
        yield
    finally:
        make_triggers()


@register(Tags.database)
def ledger_is_guarded(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a database whose ledger can be changed; `check --database default` asks, and `migrate` mends it first."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        if missing := missing_triggers(connections[alias]):
            hint = "Run `manage.py migrate`, which makes them."
            found.append(Error(f"The ledger is not guarded: {', '.join(missing)}.", hint=hint, id="clapboard.E005"))
    return found
