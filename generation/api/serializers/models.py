"""The catalogue, as it goes out: what can be ordered at this moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from billing.money import CURRENCY, dollars
from generation.api.serializers.fields import CurrencyField, DollarsField, ScalarField
from generation.catalog import Kind, Operation, Parameter, Size, VideoModel
from generation.services import Closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model with its prices of now, dollars a second by variant, and what of it is closed."""

    model: VideoModel
    prices: Mapping[str, str]
    closed: Closed

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The pictures that can be ordered."""
        name = self.model.size_parameter
        return tuple(size for size in self.model.sizes if not name or not self._reason(name, size.value))

    def choices(self, parameter: Parameter) -> tuple[str | int, ...]:
        """Return the choices that can be ordered; a shorthand's are those of some open size."""
        if parameter in self.model.shorthands:
            open_ = {said for size in self.sizes for said in (size.resolution, size.aspect)}
            return tuple(choice for choice in parameter.choices if choice in open_)
        return self.closed.choices(self.model.id, parameter.name, parameter.choices)

    def closed_values(self, parameter: Parameter) -> list[dict[str, Any]]:
        """Return the choices that can't be ordered, each with the reason."""
        reasons = {choice: self._reason(parameter.name, choice) for choice in parameter.choices}
        return [{"value": choice, "reason": reason} for choice, reason in reasons.items() if reason]

    def _reason(self, parameter: str, value: str | int) -> str | None:
        return self.closed.value(self.model.id, parameter, value)


class ClosedValueSerializer(serializers.Serializer[Any]):
    """A choice that is closed for new jobs."""

    value = ScalarField()
    reason = serializers.CharField()


class ParameterSerializer(serializers.Serializer[Any]):
    """What a model takes."""

    name = serializers.CharField()
    type = serializers.ChoiceField(
        choices=[str(kind) for kind in Kind], help_text="For image and video the id of an upload is given, or a file."
    )
    required = serializers.BooleanField()  # type: ignore[assignment]  # the member is called so
    default = ScalarField(allow_null=True)
    choices = serializers.ListField(child=ScalarField(), help_text="What can be ordered now, where it is chosen.")
    labels = serializers.ListField(child=serializers.CharField(), help_text="How the choices read, in their order.")
    closed_values = ClosedValueSerializer(many=True)
    max_length = serializers.IntegerField(allow_null=True, help_text="Characters.")
    minimum = serializers.IntegerField(allow_null=True)
    maximum = serializers.IntegerField(allow_null=True)
    unit = serializers.CharField(help_text="Of the value: s for seconds.")
    instead = serializers.ListField(child=serializers.CharField(), help_text="Fields that may be given in its place.")
    help = serializers.CharField()


class SizeSerializer(serializers.Serializer[Any]):
    """A picture that can be ordered, in pixels."""

    value = serializers.CharField(allow_null=True, help_text="Of the parameter that chooses; null: there is no choice.")
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    resolution = serializers.CharField()
    aspect_ratio = serializers.CharField()


class PriceSerializer(serializers.Serializer[Any]):
    """Dollars a second of video."""

    variant = serializers.CharField()
    per_second = DollarsField()
    currency = CurrencyField()


class ModelSerializer(serializers.Serializer[Offer]):
    """An entry of the catalogue."""

    id = serializers.CharField(source="model.id")
    family = serializers.CharField(source="model.short_name", help_text="The name that it shares with its twin.")
    names = serializers.ListField(source="model.names", child=serializers.CharField())
    operation = serializers.ChoiceField(source="model.operation", choices=[str(operation) for operation in Operation])
    title = serializers.CharField(source="model.title")
    summary = serializers.CharField(source="model.summary")
    closed = serializers.SerializerMethodField()
    parameters = serializers.SerializerMethodField()
    shorthands = serializers.SerializerMethodField()
    ignored_parameters = serializers.ListField(source="model.ignored", child=serializers.CharField())
    sizes = serializers.SerializerMethodField()
    width = serializers.SerializerMethodField()
    height = serializers.SerializerMethodField()
    has_sound = serializers.BooleanField(source="model.has_sound")
    prices = serializers.SerializerMethodField()

    def get_closed(self, offer: Offer) -> str | None:
        """Return why no new job of it is taken just now."""
        return offer.closed.model(offer.model.id)

    @extend_schema_field(ParameterSerializer(many=True))
    def get_parameters(self, offer: Offer) -> list[dict[str, Any]]:
        """Return what it takes."""
        return [_parameter(offer, parameter) for parameter in offer.model.parameters]

    @extend_schema_field(ParameterSerializer(many=True))
    def get_shorthands(self, offer: Offer) -> list[dict[str, Any]]:
        """Return other ways to say the size."""
        return [_parameter(offer, parameter) for parameter in offer.model.shorthands]

    @extend_schema_field(SizeSerializer(many=True))
    def get_sizes(self, offer: Offer) -> list[dict[str, Any]]:
        """Return the pictures that can be ordered; none where the source decides."""
        return [_size(size) for size in offer.sizes]

    def get_width(self, offer: Offer) -> int | None:
        """Return the width of a fixed picture."""
        return size.width if (size := _fixed(offer.model)) else None

    def get_height(self, offer: Offer) -> int | None:
        """Return the height of a fixed picture."""
        return size.height if (size := _fixed(offer.model)) else None

    @extend_schema_field(PriceSerializer(many=True))
    def get_prices(self, offer: Offer) -> list[dict[str, str]]:
        """Return dollars a second for each variant."""
        return [
            {"variant": variant, "per_second": per_second, "currency": CURRENCY}
            for variant, per_second in offer.prices.items()
        ]


class ModelsSerializer(serializers.Serializer[Any]):
    """The whole catalogue; it is one page."""

    results = ModelSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


def offers_of(models: tuple[VideoModel, ...], prices: Mapping[tuple[str, str], int], closed: Closed) -> list[Offer]:
    """Put models together with the prices of now, in micro-dollars a second by id and variant."""
    return [
        Offer(
            model=model,
            prices={variant: dollars(micros) for (id_, variant), micros in prices.items() if id_ == model.id},
            closed=closed,
        )
        for model in models
    ]


def _parameter(offer: Offer, parameter: Parameter) -> dict[str, Any]:
    choices = offer.choices(parameter)
    return {
        "name": parameter.name,
        "type": str(parameter.kind),
        "required": parameter.required,
        "default": parameter.default,
        "choices": choices,
        "labels": [parameter.label_of(choice) for choice in choices],
        "closed_values": offer.closed_values(parameter),
        "max_length": parameter.max_length,
        "minimum": parameter.minimum,
        "maximum": parameter.maximum,
        "unit": parameter.unit,
        "instead": ["source_job"] if parameter.kind is Kind.VIDEO else [],
        "help": parameter.help,
    }


def _size(size: Size) -> dict[str, Any]:
    return {
        "value": size.value or None,
        "width": size.width,
        "height": size.height,
        "resolution": size.resolution,
        "aspect_ratio": size.aspect,
    }


def _fixed(model: VideoModel) -> Size | None:
    return model.sizes[0] if model.sizes and not model.size_parameter else None
