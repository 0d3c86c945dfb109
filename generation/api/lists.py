"""Lists: the newest first, page by page, narrowed. What is wrong with a limit, cursor or filter is told, not mended."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters  # type: ignore[import-untyped]
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request

from generation.catalog import NAMES, models_named
from generation.models import Job, Status
from generation.spec import shown


class Cursor(CursorPagination):
    """Newest first; what is made meanwhile shifts nothing."""

    noun = ""
    ordering = ("-created_at", "-id")
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
                datetime.fromisoformat(str(cursor.position)).astimezone(UTC)
        except (NotFound, ValueError, OverflowError):
            message = f"{shown(request.query_params['cursor'])} is no cursor; take it from `next` or `previous`."
            raise ValidationError({"cursor": [message]}) from None
        return cursor

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
