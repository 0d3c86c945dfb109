"""What goes out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.reverse import reverse

from billing.models import Hold, Period
from billing.money import CURRENCY, LIMITS, dollars
from generation import progress
from generation.catalog import VideoModel
from generation.models import Job, Status
from generation.services import Quote


class CostSerializer(serializers.Serializer[Any]):
    """Decimal strings of dollars."""

    quoted = serializers.CharField()
    held = serializers.CharField(help_text="What is held now.")
    settled = serializers.CharField()
    released = serializers.CharField()
    refunded = serializers.CharField()
    currency = serializers.CharField()


def cost_of(hold: Hold) -> dict[str, str]:
    """Return what a job was quoted, and where that money is now."""

    def if_(state: Hold.State) -> str:
        return dollars(hold.spend if hold.state == state else 0)

    return {
        "quoted": dollars(hold.spend),
        "held": if_(Hold.State.HELD),
        "settled": if_(Hold.State.SETTLED),
        "released": if_(Hold.State.RELEASED),
        "refunded": dollars(0),
        "currency": CURRENCY,
    }


class WarningSerializer(serializers.Serializer[Any]):
    """A parameter that was accepted and ignored."""

    parameter = serializers.CharField()
    message = serializers.CharField()


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a job failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class QueueSerializer(serializers.Serializer[Any]):
    """Where a queued job stands among its user's queued jobs."""

    position = serializers.IntegerField(help_text="1 is next.")
    estimated_start_at = serializers.DateTimeField(allow_null=True)


class VideoSerializer(serializers.Serializer[Any]):
    """The stored file, as measured."""

    url = serializers.CharField()
    poster_url = serializers.CharField()
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    duration = serializers.FloatField(help_text="Seconds.")
    has_audio = serializers.BooleanField()
    size_bytes = serializers.IntegerField()
    sha256 = serializers.CharField()


class JobSerializer(serializers.Serializer[Job]):
    """A job. `now` and `positions` come with the context, so that a list asks for them once."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    model = serializers.CharField()
    prompt = serializers.CharField()
    parameters = serializers.DictField()
    warnings = WarningSerializer(many=True)
    progress = serializers.SerializerMethodField()
    progress_is_estimate = serializers.SerializerMethodField()
    message = serializers.SerializerMethodField()
    late = serializers.SerializerMethodField()
    queue = serializers.SerializerMethodField()
    error = serializers.SerializerMethodField()
    cost = serializers.SerializerMethodField()
    prediction_id = serializers.CharField(allow_null=True)
    source_job = serializers.SerializerMethodField()
    retry_of = serializers.UUIDField(source="retry_of_id", allow_null=True)
    flags = serializers.ListField()
    video = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def get_progress(self, job: Job) -> int:
        """Return percent."""
        return progress.progress(job, self._now)[0]

    def get_progress_is_estimate(self, job: Job) -> bool:
        """Say whether the percentage is a guess from recent jobs."""
        return progress.progress(job, self._now)[1]

    def get_message(self, job: Job) -> str:
        """Return the sentence that goes with the status."""
        return progress.message(job)

    def get_late(self, job: Job) -> bool:
        """Say whether the time limit has passed."""
        return job.late_at is not None

    @extend_schema_field(QueueSerializer(allow_null=True))
    def get_queue(self, job: Job) -> dict[str, Any] | None:
        """Return its place, None once it left the queue."""
        if job.status != Status.QUEUED:
            return None
        return {"position": self._positions(job).get(job.pk, 1), "estimated_start_at": None}

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        """Return why it failed."""
        return {"code": job.error_code, "message": job.error_message} if job.status == Status.FAILED else None

    @extend_schema_field(CostSerializer)
    def get_cost(self, job: Job) -> dict[str, str]:
        """Return where its money is."""
        return cost_of(job.hold)

    def get_source_job(self, job: Job) -> UUID | None:
        """Return the job whose video it works on; no model of today has one."""
        return None

    @extend_schema_field(VideoSerializer(allow_null=True))
    def get_video(self, job: Job) -> dict[str, Any] | None:
        """Return the stored video."""
        if job.status != Status.SUCCEEDED:
            return None
        request = self.context.get("request")
        return {
            "url": reverse("api:job-video", [job.pk], request=request),
            "poster_url": reverse("api:job-poster", [job.pk], request=request),
            "width": job.width,
            "height": job.height,
            "duration": job.duration,
            "has_audio": job.has_audio,
            "size_bytes": job.size_bytes,
            "sha256": job.sha256,
        }

    @property
    def _now(self) -> datetime:
        now: datetime = self.context.setdefault("now", timezone.now())
        return now

    def _positions(self, job: Job) -> dict[UUID, int]:
        if "positions" not in self.context:
            line = Job.objects.queued().filter(user=job.user_id).values_list("pk", flat=True)
            self.context["positions"] = {pk: place for place, pk in enumerate(line, start=1)}
        positions: dict[UUID, int] = self.context["positions"]
        return positions


class LimitSerializer(serializers.Serializer[Any]):
    """One limit of the period; null is unlimited. Spend in decimal strings of dollars, the others as integers."""

    limit = serializers.JSONField()
    spent = serializers.JSONField()
    held = serializers.JSONField()
    left = serializers.JSONField()


_LimitsSchema = inline_serializer("Limits", {limit: LimitSerializer() for limit in LIMITS})


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
    currency = serializers.ReadOnlyField(default=CURRENCY)
    price_id = serializers.IntegerField(source="price.pk")
    fits = serializers.SerializerMethodField()
    violated = serializers.CharField(allow_null=True)
    limits = serializers.SerializerMethodField()
    resets_at = serializers.DateTimeField(source="period.ends_at")
    warnings = serializers.SerializerMethodField()

    def get_cost(self, quote: Quote) -> str:
        """Return dollars."""
        return dollars(quote.amount.spend)

    def get_fits(self, quote: Quote) -> bool:
        """Say whether it fits what is left."""
        return quote.violated is None

    @extend_schema_field(_LimitsSchema)
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
    currency = serializers.ReadOnlyField(default=CURRENCY)

    @extend_schema_field(_LimitsSchema)
    def get_limits(self, period: Period) -> dict[str, Any]:
        """Return the limits with what is spent, held and left."""
        return limits_of(period)


class ParameterSerializer(serializers.Serializer[Any]):
    """What a model takes."""

    name = serializers.CharField()
    type = serializers.CharField(source="kind")
    required = serializers.BooleanField()
    default = serializers.JSONField(allow_null=True)
    choices = serializers.ListField()
    max_length = serializers.IntegerField(allow_null=True)
    help = serializers.CharField()


class ModelSerializer(serializers.Serializer[VideoModel]):
    """An entry of the catalogue; `prices` of the context are those of now, by model and variant."""

    id = serializers.CharField()
    names = serializers.ListField(child=serializers.CharField())
    title = serializers.CharField()
    summary = serializers.CharField()
    parameters = ParameterSerializer(many=True)
    ignored_parameters = serializers.ListField(source="ignored", child=serializers.CharField())
    width = serializers.IntegerField()
    height = serializers.IntegerField()
    prices = serializers.SerializerMethodField()

    @extend_schema_field(
        inline_serializer(
            "PricePerSecond",
            {
                "variant": serializers.CharField(),
                "per_second": serializers.CharField(),
                "currency": serializers.CharField(),
            },
            many=True,
        )
    )
    def get_prices(self, model: VideoModel) -> list[dict[str, str]]:
        """Return dollars a second for each variant."""
        prices: Mapping[tuple[str, str], int] = self.context["prices"]
        return [
            {"variant": variant, "per_second": dollars(per_second), "currency": CURRENCY}
            for (model_id, variant), per_second in prices.items()
            if model_id == model.id
        ]
