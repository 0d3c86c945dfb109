"""Rows written and read by statements that are put together once, for the few places where a create spends its time.

The ORM puts a statement together anew each time, which takes longer than the database needs to run it. What is said
here is the models' own: their columns, their defaults, their conversions. Everything else goes through the ORM.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, Model
from django.db.models.options import Options

_Read = Callable[[Any], Any]


def insert(row: Model) -> None:
    """Insert a new row as `save()` would: the same columns, values and errors, and it knows its key afterwards.

    No signal is sent, since nothing in this house listens to one; and no file is saved along with it.
    """
    statement, fields, draws_key = _insertion(type(row))
    database = connections[DEFAULT_DB_ALIAS]  # not the proxy, which looks it up for each value
    said = ((field, getattr(row, field.attname)) for field in fields)
    values = [None if value is None else field.get_db_prep_save(value, database) for field, value in said]
    with database.cursor() as cursor:
        cursor.execute(statement, values)
        if draws_key:
            row.pk = cursor.fetchone()[0]
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


@cache
def _insertion(model: type[Model]) -> tuple[str, list["Field[Any, Any]"], bool]:
    """Return the statement, the fields that it takes, and whether the database draws the key."""
    draws_key = _meta(model).auto_field is not None
    fields = [field for field in _meta(model).concrete_fields if field is not _meta(model).auto_field]
    names, places = ", ".join(f'"{field.column}"' for field in fields), ", ".join(["%s"] * len(fields))
    returning = f" RETURNING {_meta(model).pk.column}" if draws_key else ""
    return f"INSERT INTO {_meta(model).db_table} ({names}) VALUES ({places}){returning}", fields, draws_key  # noqa: S608


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
