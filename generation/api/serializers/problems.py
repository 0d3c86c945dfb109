"""Errors, as they go out."""

from typing import Any

from rest_framework import serializers

from billing.money import LIMITS
from generation.api.serializers.fields import ScalarField
from generation.api.serializers.limits import QuoteSerializer


class FieldErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one field."""

    pointer = serializers.CharField(help_text="Into the body, as a URI fragment; # for a parameter of the address.")
    parameter = serializers.CharField(required=False, help_text="The parameter of the address.")
    detail = serializers.CharField()


class OpenAIErrorSerializer(serializers.Serializer[Any]):
    """The same error as OpenAI's clients read it."""

    message = serializers.CharField()
    type = serializers.CharField()
    param = serializers.CharField(allow_null=True)
    code = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    """An error as RFC 9457 says. What belongs to its `type` stands beside: `errors`, `quote`, `violated` and so on."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    request_id = serializers.CharField()
    error = OpenAIErrorSerializer()
    errors = FieldErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # the member is called so
    quote = QuoteSerializer(required=False, help_text="What it costs now, with price_changed.")
    violated = serializers.ChoiceField(
        choices=(*LIMITS, "key", "free_today"), required=False, help_text="With insufficient_quota."
    )
    required = ScalarField(required=False)  # type: ignore[assignment]  # the member is called so
    available = ScalarField(required=False)
    currency = serializers.CharField(required=False)
    resets_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="With insufficient_quota; null for what never comes back by itself."
    )
