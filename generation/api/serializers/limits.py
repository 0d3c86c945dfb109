"""Prices and limits, as they go out."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing import services as billing
from billing.models import ApiKey, Period
from billing.money import LIMITS, dollars
from generation.api.serializers.fields import DOLLARS, CurrencyField, DollarsField, WarningSerializer
from generation.services import Quote

TARGET = (
    "What the limit is meant to be, with what was granted. Where more is spent and held already, the limit stops there "
    "and sinks to this as some of it comes back; null is unlimited."
)


class SpendSerializer(serializers.Serializer[Any]):
    """Dollars of the period; null is unlimited."""

    limit = DollarsField(allow_null=True)
    spent = DollarsField()
    held = DollarsField()
    left = DollarsField(allow_null=True)
    granted = DollarsField(help_text="The part of the limit that was granted on top of it.")
    target = DollarsField(allow_null=True, help_text=TARGET)


class CountSerializer(serializers.Serializer[Any]):
    """Videos, or seconds of video, of the period; null is unlimited."""

    limit = serializers.IntegerField(allow_null=True)
    spent = serializers.IntegerField()
    held = serializers.IntegerField()
    left = serializers.IntegerField(allow_null=True)
    granted = serializers.IntegerField(help_text="The part of the limit that was granted on top of it.")
    target = serializers.IntegerField(allow_null=True, help_text=TARGET)


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
            "granted": shown(limit, getattr(period, f"{limit}_granted")),
            "target": shown(limit, getattr(period, f"{limit}_target")),
        }
        for limit in LIMITS
    }


class KeySerializer(serializers.Serializer[Any]):
    """Dollars that the jobs of the caller's API key may cost in all, as long as it lives; null is unlimited."""

    limit = DollarsField(allow_null=True)
    spent = DollarsField()
    held = DollarsField()
    left = DollarsField(allow_null=True)


def key_in(context: dict[str, Any]) -> ApiKey | None:
    """Return the key that the request of a serializer came with."""
    key = context["request"].auth
    return key if isinstance(key, ApiKey) else None


def cap_of(key: ApiKey | None) -> dict[str, str | None] | None:
    """Return what is spent, held and left of a key's cap."""
    if key is None:
        return None
    return {
        "limit": None if key.spend_limit is None else dollars(key.spend_limit),
        "spent": dollars(key.spend_spent),
        "held": dollars(key.spend_held),
        "left": None if key.left is None else dollars(key.left),
    }


class RefusedSerializer(serializers.Serializer[Any]):
    """Why no job would be taken from the caller now."""

    code = serializers.CharField(help_text="past_due, address_not_verified or review_needed.")
    message = serializers.CharField()


class QuoteSerializer(serializers.Serializer[Quote]):
    """What a job would cost now, and whether it fits."""

    model = serializers.CharField(source="spec.model.id")
    cost = serializers.SerializerMethodField()
    currency = CurrencyField()
    price_id = serializers.IntegerField(source="price.pk")
    fits = serializers.SerializerMethodField()
    violated = serializers.SerializerMethodField()
    refused = serializers.SerializerMethodField()
    limits = serializers.SerializerMethodField()
    key = serializers.SerializerMethodField()
    resets_at = serializers.DateTimeField(source="period.ends_at")
    warnings = serializers.SerializerMethodField()

    @extend_schema_field(DOLLARS)
    def get_cost(self, quote: Quote) -> str:
        """Return dollars."""
        return dollars(quote.amount.spend)

    def get_fits(self, quote: Quote) -> bool:
        """Say whether a job of it would be taken now."""
        return self.get_violated(quote) is None and quote.refused is None

    @extend_schema_field({"type": ["string", "null"], "enum": [*LIMITS, "free_today", "key", None]})
    def get_violated(self, quote: Quote) -> str | None:
        """Return the limit it does not fit in: of the period, of all Free videos today, or the caller's key's cap."""
        key = key_in(self.context)
        too_dear = key is not None and key.left is not None and quote.amount.spend > key.left
        return quote.violated or ("key" if too_dear else None)

    @extend_schema_field(RefusedSerializer(allow_null=True))
    def get_refused(self, quote: Quote) -> dict[str, str] | None:
        """Return what would refuse any job of the caller, whatever is left."""
        error = quote.refused
        return None if error is None else {"code": str(getattr(error, "code", "")), "message": str(error)}

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, quote: Quote) -> dict[str, Any]:
        """Return the limits of the period."""
        return limits_of(quote.period)

    @extend_schema_field(KeySerializer(allow_null=True))
    def get_key(self, quote: Quote) -> dict[str, str | None] | None:
        """Return the cap of the key that the request came with."""
        return cap_of(key_in(self.context))

    @extend_schema_field(WarningSerializer(many=True))
    def get_warnings(self, quote: Quote) -> list[dict[str, str]]:
        """Return what would be ignored."""
        return [{"parameter": w.field, "message": w.message} for w in quote.spec.warnings]


class NextPlanSerializer(serializers.Serializer[Any]):
    """The plan that follows, and from when on."""

    plan = serializers.CharField()
    at = serializers.DateTimeField()


class UsageSerializer(serializers.Serializer[Period]):
    """The current period."""

    plan = serializers.CharField(source="subscription.plan.slug")
    starts_at = serializers.DateTimeField()
    resets_at = serializers.DateTimeField(source="ends_at")
    limits = serializers.SerializerMethodField()
    key = serializers.SerializerMethodField()
    jobs_at_a_time = serializers.IntegerField(source="subscription.plan.jobs_at_a_time")
    past_due = serializers.SerializerMethodField()
    next_plan = serializers.SerializerMethodField()
    currency = CurrencyField()

    @extend_schema_field(LimitsSerializer)
    def get_limits(self, period: Period) -> dict[str, Any]:
        """Return the limits with what is spent, held and left."""
        return limits_of(period)

    @extend_schema_field(KeySerializer(allow_null=True))
    def get_key(self, period: Period) -> dict[str, str | None] | None:
        """Return the cap of the key that the request came with."""
        return cap_of(key_in(self.context))

    def get_past_due(self, period: Period) -> bool:
        """Say whether payment is due: until it has arrived, nothing new can be made."""
        return period.subscription.past_due_since is not None

    @extend_schema_field(NextPlanSerializer(allow_null=True))
    def get_next_plan(self, period: Period) -> dict[str, Any] | None:
        """Return the plan of the next period, None where it is the one of now."""
        following = billing.plan_at(period.subscription, period.ends_at)
        if following.pk == period.subscription.plan_id:
            return None
        at = serializers.DateTimeField().to_representation(period.ends_at)
        return {"plan": following.slug, "at": at}
