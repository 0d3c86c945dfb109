"""Prices and limits, as they go out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.models import Period
from billing.money import LIMITS, dollars
from generation.api.serializers.fields import DOLLARS, CurrencyField, DollarsField, WarningSerializer
from generation.services import Quote


class SpendSerializer(serializers.Serializer[Any]):
    """Dollars of the period; null is unlimited."""

    limit = DollarsField(allow_null=True)
    spent = DollarsField()
    held = DollarsField()
    left = DollarsField(allow_null=True)


class CountSerializer(serializers.Serializer[Any]):
    """Videos, or seconds of video, of the period; null is unlimited."""

    limit = serializers.IntegerField(allow_null=True)
    spent = serializers.IntegerField()
    held = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)


class LimitsSerializer(serializers.Serializer[Any]):
    """Each limit of the period with what is spent, held and left."""

    spend = SpendSerializer()
    videos = CountSerializer()
    seconds = CountSerializer()


def limits_of(period: Period) -> dict[str, dict[str, Any]]:
    """Return each limit with what is spent, held and left."""

    def shown(limit: str, value: int | None) -> Any:
        return dollars(value) if limit == "spend" and value is not None else value

    return {
        limit: {
            "limit": shown(limit, getattr(period, f"{limit}_limit")),
            "spent": shown(limit, getattr(period, f"{limit}_spent")),
            "held": shown(limit, getattr(period, f"{limit}_held")),
            "left": shown(limit, period.left(limit)),
        }
        for limit in LIMITS
    }


class QuoteSerializer(serializers.Serializer[Quote]):
    """What a job would cost now, and whether it fits."""

    model = serializers.CharField(source="spec.model.id")
    cost = serializers.SerializerMethodField()
    currency = CurrencyField()
    price_id = serializers.IntegerField(source="price.pk")
    fits = serializers.SerializerMethodField()
    violated = serializers.ChoiceField(choices=LIMITS, allow_null=True, help_text="The limit it does not fit in.")
    limits = serializers.SerializerMethodField()
    resets_at = serializers.DateTimeField(source="period.ends_at")
    warnings = serializers.SerializerMethodField()

    @extend_schema_field(DOLLARS)
    def get_cost(self, quote: Quote) -> str:
        """Return dollars."""
        return dollars(quote.amount.spend)

    def get_fits(self, quote: Quote) -> bool:
        """Say whether it fits what is left."""
        return quote.violated is None

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, quote: Quote) -> dict[str, Any]:
        """Return the limits of the period."""
        return limits_of(quote.period)

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, quote: Quote) -> list[dict[str, str]]:
        """Return what would be ignored."""
        return [{"parameter": w.field, "message": w.message} for w in quote.spec.warnings]


class UsageSerializer(serializers.Serializer[Period]):
    """The current period."""

    plan = serializers.CharField(source="subscription.plan.slug")
    starts_at = serializers.DateTimeField()
    resets_at = serializers.DateTimeField(source="ends_at")
    limits = serializers.SerializerMethodField()
    jobs_at_a_time = serializers.IntegerField(source="subscription.plan.jobs_at_a_time")
    currency = CurrencyField()

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, period: Period) -> dict[str, Any]:
        """Return the limits with what is spent, held and left."""
        return limits_of(period)
