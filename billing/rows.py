"""Rows written and read by statements that are put together once, for the few places where a create spends its time.

The ORM puts a statement together anew each time, which takes longer than the database needs to run it. What is said
here is the models' own: their columns, their defaults, their conversions. Everything else goes through the ORM.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper
from django.db.models import (
    BigAutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    Field,
    FloatField,
    Model,
    PositiveIntegerField,
    TextField,
)
from django.db.models.options import Options

_Read = Callable[[Any], Any]
_AS_IT_IS: dict[type, type] = {
    BigAutoField: int,
    BigIntegerField: int,
    PositiveIntegerField: int,
    FloatField: float,
    BooleanField: bool,
    CharField: str,
    TextField: str,
}


def insert(*rows: Model) -> None:
    """Insert new rows as `save()` would: the same columns, values and errors, and each knows its key afterwards.

    PostgreSQL is sent all of them at once, in the caller's transaction: to wait for each takes longer than to write it.
    No signal is sent, since nothing in this house listens to one; and no file is saved along with a row.
    """
    database = connections[DEFAULT_DB_ALIAS]  # not the proxy, which looks it up for each value
    with database.cursor() as cursor:
        if _takes_many(database):
            cursor.execute("; ".join(_insertion(type(row))[0] for row in rows), _values(rows, database))
            for number, row in enumerate(rows):
                if number:
                    cursor.nextset()
                _know_key(row, cursor)
        else:
            for row in rows:
                cursor.execute(_insertion(type(row))[0], _values([row], database))
                _know_key(row, cursor)
    for row in rows:
        row._state.adding = False  # noqa: SLF001 - as the ORM does
        row._state.db = database.alias  # noqa: SLF001


def columns(model: type[Model], table: str) -> str:
    """Return all columns of a model as SELECT wants them, of a table by this alias."""
    return ", ".join(f'{table}."{field.column}"' for field in _meta(model).concrete_fields)


def read(models: Sequence[type[Model]], values: Sequence[Any]) -> list[Any]:
    """Return the rows, one of each model, that the values of all their `columns` are, as the ORM would."""
    rows, start = [], 0
    for model in models:
        readers = _readers(model)
        own = values[start : start + len(readers)]
        start += len(readers)
        converted = [value if how is None else how(value) for value, how in zip(own, readers, strict=True)]
        rows.append(model.from_db(DEFAULT_DB_ALIAS, None, converted))  # type: ignore[arg-type]  # None: all fields
    return rows


def prepared(model: type[Model], name: str, value: Any) -> Any:
    """Return a value as a condition on this column wants it."""
    return _meta(model).get_field(name).get_db_prep_value(value, connections[DEFAULT_DB_ALIAS])  # type: ignore[union-attr]


def _takes_many(database: BaseDatabaseWrapper) -> bool:
    """Say whether it runs several statements at once: PostgreSQL, where values are bound on our side as by default."""
    bound_there = database.settings_dict["OPTIONS"].get("server_side_binding", False)
    return database.vendor == "postgresql" and not bound_there


def _values(rows: Sequence[Model], database: BaseDatabaseWrapper) -> list[Any]:
    return [
        value if value is None or type(value) is kept else field.get_db_prep_save(value, database)
        for row in rows
        for field, kept in _insertion(type(row))[1]
        for value in (getattr(row, field.attname),)
    ]


def _know_key(row: Model, cursor: CursorWrapper) -> None:
    if _insertion(type(row))[2]:
        row.pk = cursor.fetchone()[0]


@cache
def _insertion(model: type[Model]) -> tuple[str, list[tuple["Field[Any, Any]", type | None]], bool]:
    """Return the statement, the fields that it takes with what each writes as it is, and whether a key is drawn."""
    draws_key = _meta(model).auto_field is not None
    fields = [field for field in _meta(model).concrete_fields if field is not _meta(model).auto_field]
    names, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    returning = f" RETURNING {_meta(model).pk.column}" if draws_key else ""
    statement = f"INSERT INTO {_meta(model).db_table} ({names}) VALUES ({places}){returning}"  # noqa: S608
    return statement, [(field, _kept(field)) for field in fields], draws_key


def _kept(field: "Field[Any, Any]") -> type | None:
    """Return the type whose values a field prepares in no way: to be told so for each takes longer than to write it."""
    return _AS_IT_IS.get(type(getattr(field, "target_field", field)))


@cache
def _readers(model: type[Model]) -> list[_Read | None]:
    """Return what makes of each column's value what the model has of it; None where that is the same."""
    return [_reader(field) for field in _meta(model).concrete_fields]


def _reader(field: "Field[Any, Any]") -> _Read | None:
    column, database = field.get_col(_meta(field.model).db_table), connections[DEFAULT_DB_ALIAS]
    steps = [*database.ops.get_db_converters(column), *column.get_db_converters(database)]
    if not steps:
        return None

    def converted(value: Any) -> Any:
        for step in steps:
            value = step(value, column, database)
        return value

    return converted


def _meta(model: type[Model]) -> "Options[Any]":
    return model._meta  # noqa: SLF001 - public, for all its name
