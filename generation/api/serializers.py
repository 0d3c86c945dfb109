"""What goes out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from billing.models import Hold, Period
from billing.money import CURRENCY, LIMITS, dollars
from generation import progress
from generation.catalog import Kind, VideoModel
from generation.models import Job, Status
from generation.services import Quote

DOLLARS = {"type": "string", "pattern": r"^\d+\.\d{2,6}$", "examples": ["0.36"]}
SCALAR = {"type": ["string", "integer", "number", "boolean", "null"]}


@extend_schema_field(DOLLARS)
class DollarsField(serializers.CharField):
    """A decimal string of dollars."""


@extend_schema_field(SCALAR)
class ScalarField(serializers.JSONField):
    """A string, a number, true, false or null."""


class CurrencyField(serializers.ChoiceField):
    """In which currency all amounts beside it are."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=[CURRENCY], default=CURRENCY, read_only=True, **kwargs)


class CostSerializer(serializers.Serializer[Any]):
    """Decimal strings of dollars."""

    quoted = DollarsField()
    held = DollarsField(help_text="What is held now.")
    settled = DollarsField()
    released = DollarsField()
    refunded = DollarsField()
    currency = CurrencyField()


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

    position = serializers.IntegerField(min_value=1, help_text="1 is next.")
    estimated_start_at = serializers.DateTimeField(allow_null=True)


class FlagSerializer(serializers.Serializer[Any]):
    """Where what was delivered is not what was wished."""

    what = serializers.CharField(help_text="duration, size or audio.")
    wished = ScalarField()
    delivered = ScalarField()


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
    """A job as it is now."""

    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Status.choices)
    model = serializers.CharField()
    prompt = serializers.CharField()
    parameters = serializers.DictField(child=ScalarField())
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
    flags = FlagSerializer(many=True)
    video = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field({"type": "integer", "minimum": 0, "maximum": 100})
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
        return {"position": self._position(job), "estimated_start_at": None}

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

    def _position(self, job: Job) -> int:
        line = Job.objects.queued().filter(user=job.user_id)
        if not isinstance(self.parent, serializers.ListSerializer):
            before = Q(created_at__lt=job.created_at) | Q(created_at=job.created_at, pk__lt=job.pk)
            return line.filter(before).count() + 1
        # A list looks at the whole line once. A job that has left it meanwhile was its first.
        if "positions" not in self.context:
            ids = line.values_list("pk", flat=True)
            self.context["positions"] = {pk: place for place, pk in enumerate(ids, start=1)}
        positions: dict[UUID, int] = self.context["positions"]
        return positions.get(job.pk, 1)


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


class ParameterSerializer(serializers.Serializer[Any]):
    """What a model takes."""

    name = serializers.CharField()
    type = serializers.ChoiceField(source="kind", choices=[str(kind) for kind in Kind])
    required = serializers.BooleanField()  # type: ignore[assignment]  # the member is called so
    default = ScalarField(allow_null=True)
    choices = serializers.ListField(child=ScalarField())
    max_length = serializers.IntegerField(allow_null=True)
    help = serializers.CharField()


class PriceSerializer(serializers.Serializer[Any]):
    """Dollars a second of video."""

    variant = serializers.CharField()
    per_second = DollarsField()
    currency = CurrencyField()


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

    @extend_schema_field(PriceSerializer(many=True))
    def get_prices(self, model: VideoModel) -> list[dict[str, str]]:
        """Return dollars a second for each variant."""
        prices: Mapping[tuple[str, str], int] = self.context["prices"]
        return [
            {"variant": variant, "per_second": dollars(per_second), "currency": CURRENCY}
            for (model_id, variant), per_second in prices.items()
            if model_id == model.id
        ]


class ModelsSerializer(serializers.Serializer[Any]):
    """The whole catalogue; it is one page."""

    results = ModelSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


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
    violated = serializers.ChoiceField(choices=LIMITS, required=False, help_text="With insufficient_quota.")
    required = ScalarField(required=False)  # type: ignore[assignment]  # the member is called so
    available = ScalarField(required=False)
    currency = serializers.CharField(required=False)
    resets_at = serializers.DateTimeField(required=False)
