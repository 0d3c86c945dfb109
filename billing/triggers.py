"""The database's own guard of the ledger: a line is never changed and never removed.

SQLite loses triggers whenever Django remakes a table, which most migrations do there. So they are made anew after every
`migrate` (billing.apps), and a system check and check_ledger say when they are missing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

_TABLE = "billing_ledgerentry"
_NAMES = ("ledger_lines_are_not_changed", "ledger_lines_are_not_removed")
_SAYS = "The ledger is append-only: write a line that corrects."

_SQLITE = f"""
    CREATE TRIGGER {{name}} BEFORE {{what}} ON {_TABLE}
    BEGIN SELECT RAISE(ABORT, '{_SAYS}'); END
"""
_POSTGRES_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{_SAYS}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""
_POSTGRES = f"""
    CREATE TRIGGER {{name}} BEFORE {{what}} ON {_TABLE}
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()
"""


def make_triggers(to: BaseDatabaseWrapper = connection) -> None:
    """Make the triggers that are missing."""
    missing = set(missing_triggers(to))
    if not missing:
        return
    is_sqlite = to.vendor == "sqlite"
    changed, removed = _NAMES
    events = {changed: "UPDATE", removed: "DELETE" if is_sqlite else "DELETE OR TRUNCATE"}
    with to.cursor() as cursor:
        if not is_sqlite:
            cursor.execute(_POSTGRES_FUNCTION)
        for name in sorted(missing):
            cursor.execute(_drop(name, to))  # one that was switched off is there and guards nothing
            cursor.execute((_SQLITE if is_sqlite else _POSTGRES).format(name=name, what=events[name]))


def drop_triggers(from_: BaseDatabaseWrapper = connection) -> None:
    """Remove the triggers: for tests that flush, and for nobody else."""
    with from_.cursor() as cursor:
        for name in _NAMES:
            cursor.execute(_drop(name, from_))


def missing_triggers(in_: BaseDatabaseWrapper = connection) -> list[str]:
    """Return the names of the triggers that are not there."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s"
        if in_.vendor == "sqlite"
        else "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND tgenabled IN ('O', 'A')"
    )
    with in_.cursor() as cursor:
        cursor.execute(query, [_TABLE])
        there = {name for (name,) in cursor.fetchall()}
    return [name for name in _NAMES if name not in there]


def _drop(name: str, in_: BaseDatabaseWrapper) -> str:
    of_table = "" if in_.vendor == "sqlite" else f" ON {_TABLE}"
    return f"DROP TRIGGER IF EXISTS {name}{of_table}"


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
    """Refuse a database whose ledger can be changed; `check --database default` and `migrate` ask."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        database = connections[alias]
        if _TABLE in database.introspection.table_names() and (missing := missing_triggers(database)):
            hint = "Run `manage.py migrate --skip-checks`, which makes them."  # with checks this error would stop it
            found.append(Error(f"The ledger is not guarded: {', '.join(missing)}.", hint=hint, id="clapboard.E005"))
    return found
