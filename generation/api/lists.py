"""Lists: the newest first, page by page, narrowed. What is wrong with a limit, cursor or filter is told, not mended."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from billing.models import LedgerEntry
from generation.catalog import NAMES, models_named
from generation.models import Job, Status
from generation.spec import shown

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_MOMENT = re.compile(_DAY.pattern + r"[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


class Cursor(CursorPagination):
    """Newest first; what is made meanwhile shifts nothing."""

    noun = ""
    ordering: tuple[str, ...] = ("-created_at", "-id")
    page_size = 50
    page_size_query_param = "limit"
    cursor_query_description = "Comes with `next` and `previous`."
    max_page_size = 200

    def get_page_size(self, request: Request) -> int:
        """Return how many rows a page has."""
        wished = request.query_params.get("limit", str(self.page_size))
        if not re.fullmatch(r"\d{1,3}", wished, re.ASCII) or not 1 <= int(wished) <= self.max_page_size:
            message = f"{shown(wished)} is no number of {self.noun}; allowed: 1 to {self.max_page_size}."
            raise ValidationError({"limit": [message]})
        return int(wished)

    def decode_cursor(self, request: Request) -> Any:
        """Return the place in the list that the cursor stands for."""
        try:
            cursor = super().decode_cursor(request)
            if cursor and cursor.position is not None:
                self.check_position(str(cursor.position))
        except (NotFound, ValueError, OverflowError):
            message = f"{shown(request.query_params['cursor'])} is no cursor; take it from `next` or `previous`."
            raise ValidationError({"cursor": [message]}) from None
        return cursor

    def check_position(self, position: str) -> None:
        """Raise ValueError or OverflowError for what is no moment."""
        datetime.fromisoformat(position).astimezone(UTC)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """Name the bounds of the limit."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        for parameter in parameters:
            if parameter["name"] == "limit":
                parameter["description"] = f"{self.noun.capitalize()} a page."
                parameter["schema"] |= {"minimum": 1, "maximum": self.max_page_size, "default": self.page_size}
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """Describe a page; the library's words are those of OpenAPI 3.0."""
        link = {"type": ["string", "null"], "format": "uri"}
        members = {"results": schema, "next": link, "previous": link}
        return {"type": "object", "required": list(members), "properties": members}


class JobCursor(Cursor):
    """Pages of jobs."""

    noun = "jobs"


class UploadCursor(Cursor):
    """Pages of uploads."""

    noun = "uploads"


class LedgerCursor(Cursor):
    """Pages of ledger lines, in the order in which they were written.

    Their moments are taken before a lock is waited for, and many lines share one: only ids name a place exactly.
    """

    noun = "lines"
    ordering = ("-id",)

    def check_position(self, position: str) -> None:
        """Raise ValueError for what is no id that a database could hold."""
        if not re.fullmatch(r"\d{1,18}", position, re.ASCII):
            raise ValueError(position)


class _ChoiceField(filters.ChoiceFilter.field_class):  # type: ignore[misc]  # django-filter has no types
    """One of several values; an empty one is none of them, though forms take it for nothing said."""

    def clean(self, value: Any) -> Any:
        """Return the value."""
        if value == "":
            raise forms.ValidationError(self.error_messages["invalid_choice"] % {"value": ""})
        return super().clean(value)


class _ChoiceFilter(filters.ChoiceFilter):  # type: ignore[misc]  # django-filter has no types
    field_class = _ChoiceField


def _choice(values: Sequence[str], what: str, **kwargs: Any) -> filters.ChoiceFilter:
    message = f'"%(value)s" is no {what}; allowed: {", ".join(values)}.'
    choices = [(value, value) for value in values]
    choice = _ChoiceFilter(choices=choices, error_messages={"invalid_choice": message}, **kwargs)
    return extend_schema_field({"type": "string", "enum": list(values)})(choice)


class _MomentField(forms.Field):
    """A moment as RFC 3339 writes it: with a time zone, or nobody knows which moment is meant."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the moment in UTC."""
        if value is None:
            return None
        try:
            if not _MOMENT.fullmatch(value):
                raise ValueError(value)
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            message = f"{shown(value)} is no moment; allowed: such as 2026-08-23T10:00:00Z (write + as %2B)."
            raise _refusal(message) from None


class _DayField(forms.Field):
    """A day as ISO 8601 writes it."""

    def to_python(self, value: Any) -> date | None:
        """Return the day."""
        if value is None:
            return None
        try:
            if not _DAY.fullmatch(value):
                raise ValueError(value)
            return date.fromisoformat(value)
        except ValueError:
            raise _refusal(f"{shown(value)} is no day; allowed: such as 2026-08-23.") from None


def _refusal(message: str) -> forms.ValidationError:
    """Return an error whose message is not taken for a template, since it holds what the caller said."""
    return forms.ValidationError("%(message)s", params={"message": message})


@extend_schema_field({"type": "string", "format": "date-time"})
class _MomentFilter(filters.Filter):  # type: ignore[misc]  # django-filter has no types
    field_class = _MomentField


@extend_schema_field({"type": "string", "format": "date"})
class _DayFilter(filters.Filter):  # type: ignore[misc]  # django-filter has no types
    field_class = _DayField


class LedgerFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What the lines may be narrowed by."""

    kind = _choice(LedgerEntry.Kind.values, "kind")
    period = _DayFilter(field_name="period__starts_at", lookup_expr="date", label="The day on which a period starts.")
    since = _MomentFilter(field_name="at", lookup_expr="gte", label="Lines of this moment and later.")
    until = _MomentFilter(field_name="at", lookup_expr="lt", label="Lines before this moment.")

    class Meta:
        model = LedgerEntry
        fields = ("kind", "period", "since", "until")


class JobFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter has no types
    """What a list may be narrowed by."""

    status = _choice(Status.values, "status")
    model = _choice(NAMES, "model", method="of_model")

    class Meta:
        model = Job
        fields = ("status", "model")

    def of_model(self, jobs: QuerySet[Job], name: str, value: str) -> QuerySet[Job]:
        """Keep the jobs of the models that go by this name."""
        return jobs.filter(model__in=[model.id for model in models_named(value)])
