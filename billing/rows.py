"""Rows written and read by statements that are put together once, for the few places where a create spends its time.

The ORM puts a statement together anew each time, which takes longer than the database needs to run it. What is said
here is the models' own: their columns, their defaults, their conversions. Everything else goes through the ORM.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache
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
    ForeignKey,
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
    A row may refer to one before it whose key is yet to be drawn, if that is the only one of its model here. No signal
    is sent, since nothing in this house listens to one; and no file is saved along with a row.
    """
    database = connections[DEFAULT_DB_ALIAS]  # not the proxy, which looks it up for each value
    with database.cursor() as cursor:
        if _takes_many(database):
            referring = [_referring(row, rows[:place]) for place, row in enumerate(rows)]
            parts = [_insertion(row, names, database) for row, names in zip(rows, referring, strict=True)]
            cursor.execute("; ".join(sql for sql, _ in parts), [value for _, values in parts for value in values])
            for place, row in enumerate(rows):
                if place:
                    cursor.nextset()
                _know_key(row, cursor)
                _refer(row, referring[place])
        else:
            for place, row in enumerate(rows):
                _refer(row, _referring(row, rows[:place]))
                cursor.execute(*_insertion(row, (), database))
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


def _insertion(row: Model, referring: Sequence[str], database: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
    """Return a row's statement and values; `referring` names its references to keys that the same statements draw.

    What is empty stands in the statement itself, as it does in half of a new row: psycopg forgets what it has made of a
    statement with more than fifty values, and then takes longer to read it than PostgreSQL.
    """
    places, values = [], []
    for field, kept in _fields(type(row)):
        value = getattr(row, field.attname)
        if field.name in referring:
            places.append(_drawn(field))
        elif value is None:
            places.append("NULL")
        elif kept is str and type(value) is str and not value:
            places.append("''")
        else:
            places.append("%s")
            values.append(value if type(value) is kept else field.get_db_prep_save(value, database))
    return _statement(type(row), tuple(places)), values


@lru_cache(maxsize=1000)
def _statement(model: type[Model], places: tuple[str, ...]) -> str:
    names = ", ".join(f'"{field.column}"' for field, _ in _fields(model))
    returning = f" RETURNING {_meta(model).pk.column}" if _meta(model).auto_field else ""
    return f"INSERT INTO {_meta(model).db_table} ({names}) VALUES ({', '.join(places)}){returning}"  # noqa: S608


@cache
def _fields(model: type[Model]) -> "list[tuple[Field[Any, Any], type | None]]":
    """Return the fields that a new row writes, each with the type whose values it takes as they are."""
    return [(field, _kept(field)) for field in _meta(model).concrete_fields if field is not _meta(model).auto_field]


def _know_key(row: Model, cursor: CursorWrapper) -> None:
    if _meta(type(row)).auto_field is not None:
        row.pk = cursor.fetchone()[0]


def _referring(row: Model, before: Sequence[Model]) -> Sequence[str]:
    """Return the names of a row's references to rows before it that had no key when it was made."""
    if not before:
        return ()
    found, cached = [], row._state.fields_cache  # noqa: SLF001 - as the ORM does
    for field in _references(type(row)):
        other = cached.get(field.name)
        if other is not None and getattr(row, field.attname) is None and any(other is each for each in before):
            found.append(field.name)
    return found


def _refer(row: Model, names: Sequence[str]) -> None:
    """Tell a row the keys of what it refers to, which are known now."""
    for name in names:
        setattr(row, name, getattr(row, name))


@cache
def _references(model: type[Model]) -> "list[ForeignKey[Any, Any]]":
    return [field for field in _meta(model).concrete_fields if isinstance(field, ForeignKey)]


@cache
def _drawn(reference: "Field[Any, Any]") -> str:
    """Return SQL for the key that PostgreSQL has drawn last for the row that is referred to."""
    other = _meta(reference.related_model)  # type: ignore[arg-type]  # a model, once all are loaded
    return f"currval(pg_get_serial_sequence('{other.db_table}', '{other.pk.column}'))"


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
