"""The small things that many answers hold."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.money import CURRENCY

DOLLARS = {"type": "string", "pattern": r"^\d+\.\d{2,6}$", "examples": ["0.36"]}
SIGNED_DOLLARS = {"type": "string", "pattern": r"^-?\d+\.\d{2,6}$", "examples": ["-0.36"]}
SCALAR = {"type": ["string", "integer", "number", "boolean", "null"]}


@extend_schema_field(DOLLARS)
class DollarsField(serializers.CharField):
    """A decimal string of dollars."""


@extend_schema_field(SIGNED_DOLLARS)
class SignedDollarsField(serializers.CharField):
    """A decimal string of dollars, which may be below zero."""


@extend_schema_field(SCALAR)
class ScalarField(serializers.JSONField):
    """A string, a number, true, false or null."""


class CurrencyField(serializers.ChoiceField):
    """In which currency all amounts beside it are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[CURRENCY], default=CURRENCY, read_only=True, **kwargs)


class WarningSerializer(serializers.Serializer[Any]):
    """A parameter that was accepted and ignored."""

    parameter = serializers.CharField()
    message = serializers.CharField()
