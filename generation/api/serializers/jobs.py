"""Jobs, as they go out."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from billing.models import Hold
from billing.money import CURRENCY, dollars
from generation import progress
from generation.api.serializers.fields import CurrencyField, DollarsField, ScalarField, WarningSerializer
from generation.line import Line, Place, WaitsFor
from generation.models import Job, Status


class CostSerializer(serializers.Serializer[Any]):
    """Decimal strings of dollars."""

    quoted = DollarsField()
    held = DollarsField(help_text="What is held now.")
    settled = DollarsField(help_text="What was charged; it stays so when it is refunded.")
    released = DollarsField()
    refunded = DollarsField(help_text="What of the charge was given back by an operator.")
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
        "refunded": dollars(hold.spend if hold.refunded_at else 0),
        "currency": CURRENCY,
    }


class ErrorSerializer(serializers.Serializer[Any]):
    """Why a job failed."""

    code = serializers.CharField()
    message = serializers.CharField()


class QueueSerializer(serializers.Serializer[Any]):
    """Where a queued job stands among its user's queued jobs."""

    position = serializers.IntegerField(min_value=1, help_text="1 is next.")
    estimated_start_at = serializers.DateTimeField(
        source="starts_at",
        allow_null=True,
        help_text="A guess from what runs now; null where nobody can know, and in the answer that made it.",
    )
    waits_for = serializers.ChoiceField(
        choices=[str(each) for each in WaitsFor],
        allow_null=True,
        help_text="your_places: as many of yours run as your plan runs at a time. provider: WaveSpeed takes no more "
        "from us at the moment. provider_closed: it takes none from us just now. null: it starts in a moment, or was "
        "made just now.",
    )


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
    source_job = serializers.UUIDField(
        source="source_job_id", allow_null=True, help_text="The job whose video it changes."
    )
    upload = serializers.UUIDField(source="upload_id", allow_null=True, help_text="The upload that it is made from.")
    retry_of = serializers.UUIDField(source="retry_of_id", allow_null=True)
    flags = FlagSerializer(many=True)
    video = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    submitted_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, job: Job) -> dict[str, Any]:
        """Write it out by hand: to ask each of the fields takes several times as long as the rest of the answer."""
        percent, is_estimate = progress.progress(job, self._now)
        return {
            "id": str(job.pk),
            "status": str(job.status),
            "model": job.model,
            "prompt": job.prompt,
            "parameters": job.parameters,
            "warnings": job.warnings,
            "progress": percent,
            "progress_is_estimate": is_estimate,
            "message": progress.message(job),
            "late": job.late_at is not None,
            "queue": self.get_queue(job),
            "error": self.get_error(job),
            "cost": cost_of(job.hold),
            "prediction_id": job.prediction_id,
            "source_job": _id(job.source_job_id),
            "upload": _id(job.upload_id),
            "retry_of": _id(job.retry_of_id),
            "flags": job.flags,
            "video": self.get_video(job),
            "created_at": _moment(job.created_at),
            "submitted_at": _moment(job.submitted_at),
            "finished_at": _moment(job.finished_at),
        }

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
        place: Place = self.context.get("place") or self._line(job).place_of(job)
        waits_for = None if place.waits_for is None else str(place.waits_for)
        return {
            "position": place.position,
            "estimated_start_at": _moment(place.starts_at),
            "waits_for": waits_for,
        }

    @extend_schema_field(ErrorSerializer(allow_null=True))
    def get_error(self, job: Job) -> dict[str, str] | None:
        """Return why it failed."""
        return {"code": job.error_code, "message": job.error_message} if job.status == Status.FAILED else None

    @extend_schema_field(CostSerializer)
    def get_cost(self, job: Job) -> dict[str, str]:
        """Return where its money is."""
        return cost_of(job.hold)

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

    def _line(self, job: Job) -> Line:
        """Return the queue of the job's owner; a list, which is one owner's, looks at it once."""
        lines: dict[int, Line] = self.context.setdefault("lines", {})
        if job.user_id not in lines:
            lines[job.user_id] = Line.of(job.user_id, self._now)
        return lines[job.user_id]


_MOMENTS = serializers.DateTimeField()


def _moment(value: datetime | None) -> Any:
    return None if value is None else _MOMENTS.to_representation(value)


def _id(value: UUID | None) -> str | None:
    return None if value is None else str(value)
