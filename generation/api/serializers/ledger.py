"""Lines of the ledger, as their owner reads them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.ledger import LEFT_CHANGE
from billing.models import LedgerEntry
from billing.money import CURRENCY, dollars
from generation.api.serializers.fields import CurrencyField, SignedDollarsField

_ENGINE = {"watcher", "worker"}


class AmountSerializer(serializers.Serializer[Any]):
    """Of each limit how much."""

    spend = SignedDollarsField()
    videos = serializers.IntegerField()
    seconds = serializers.IntegerField()
    currency = CurrencyField()


class OfPeriodSerializer(serializers.Serializer[Any]):
    """The period in whose counters a line counts."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class LedgerEntrySerializer(serializers.Serializer[LedgerEntry]):
    """A line of the ledger. The sum of a period's `left_change` is what was granted less what is spent and held."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=LedgerEntry.Kind.choices)
    amount = serializers.SerializerMethodField()
    left_change = serializers.SerializerMethodField()
    job = serializers.UUIDField(
        source="reference", allow_null=True, help_text="Null for grants and adjustments; it may be deleted since."
    )
    period = OfPeriodSerializer()
    price_id = serializers.IntegerField(allow_null=True, help_text="By which price it was held.")
    reason = serializers.SerializerMethodField()
    actor = serializers.SerializerMethodField()
    request_id = serializers.SerializerMethodField()

    @extend_schema_field(AmountSerializer)
    def get_amount(self, entry: LedgerEntry) -> dict[str, Any]:
        """Return what it is about, as it is written: below zero only where a grant ends or an adjustment gives back."""
        return _amount(entry, 1)

    @extend_schema_field(AmountSerializer)
    def get_left_change(self, entry: LedgerEntry) -> dict[str, Any]:
        """Return what it adds to what is left of each limit; of an unlimited one everything is left all the same."""
        return _amount(entry, LEFT_CHANGE[LedgerEntry.Kind(entry.kind)])

    def get_reason(self, entry: LedgerEntry) -> str | None:
        """Return why, for what an operator did; null for all else."""
        return entry.reason or None

    @extend_schema_field({"type": "string", "enum": ["you", "operator", "system"]})
    def get_actor(self, entry: LedgerEntry) -> str:
        """Return who did it. Operators have no names here, and whoever is not known by kind is one of them."""
        kind, _, rest = entry.actor.partition(" ")
        # "user 7", or "user 7 by Python"; "user 71" is somebody else.
        if kind == "user" and rest.split(" ")[0] == str(self.context["request"].user.pk):
            return "you"
        return "system" if entry.actor in _ENGINE else "operator"

    def get_request_id(self, entry: LedgerEntry) -> str | None:
        """Return in which request; null where there was none."""
        return entry.request_id or None


def _amount(entry: LedgerEntry, sign: int) -> dict[str, Any]:
    return {
        "spend": dollars(sign * entry.spend),
        "videos": sign * entry.videos,
        "seconds": sign * entry.seconds,
        "currency": CURRENCY,
    }
