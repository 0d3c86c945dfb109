"""Jobs, what they are made from, and their history. States change in generation.services only."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.models import ApiKey, Hold
from generation.catalog import VideoModel, entry_of
from generation.models.following import claim_impatient_statement, claim_statement, is_patient


class Status(models.TextChoices):
    QUEUED = "queued"  # paid for and waiting; nothing was sent
    SUBMITTING = "submitting"  # the fence is behind us: a POST may have happened
    RUNNING = "running"  # the provider gave us an id
    COLLECTING = "collecting"  # the video is made and on its way into our storage
    UNKNOWN = "unknown"  # nobody can say whether the provider took it; never sent again
    SUCCEEDED = "succeeded"  # stored and charged
    FAILED = "failed"  # not charged
    CANCELED = "canceled"  # not charged, never sent


FINAL = frozenset({Status.SUCCEEDED, Status.FAILED, Status.CANCELED})

LAW: dict[Status, frozenset[Status]] = {
    Status.QUEUED: frozenset({Status.SUBMITTING, Status.CANCELED}),
    Status.SUBMITTING: frozenset({Status.RUNNING, Status.FAILED, Status.QUEUED, Status.UNKNOWN}),
    Status.UNKNOWN: frozenset({Status.RUNNING, Status.FAILED}),
    Status.RUNNING: frozenset({Status.COLLECTING, Status.FAILED}),
    Status.COLLECTING: frozenset({Status.SUCCEEDED, Status.FAILED}),
    Status.SUCCEEDED: frozenset(),
    Status.FAILED: frozenset(),
    Status.CANCELED: frozenset(),
}
"""From which status a job may go where. Everything else is refused."""


class JobQuerySet(models.QuerySet["Job"]):
    """Speaks of jobs. `now` is the database's time, see generation.clock."""

    def queued(self) -> "JobQuerySet":
        """Return the jobs whose line it is, the oldest first."""
        return self.under_way().filter(status=Status.QUEUED).order_by("created_at", "pk")

    def handed(self, now: datetime) -> "JobQuerySet":
        """Return the queued jobs that a worker has been told of and may take at any moment."""
        return self.filter(status=Status.QUEUED, handed_at__isnull=False, lease_until__gt=now)

    def dispatchable(self, now: datetime) -> "JobQuerySet":
        """Return the queued jobs that may be handed to a worker, the oldest first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
        return self.queued().filter(free, Q(due_at__isnull=True) | Q(due_at__lte=now))

    def in_flight(self, now: datetime) -> "JobQuerySet":
        """Return the jobs that take a place at the provider and of their user.

        An unknown job gives its place back after the time limit, since its prediction must have ended by then.
        """
        young = now - timedelta(seconds=settings.TIME_LIMIT)
        return self.under_way().filter(
            Q(status__in=[Status.SUBMITTING, Status.RUNNING])
            | Q(status=Status.UNKNOWN, submit_started_at__gt=young)
            | Q(status=Status.QUEUED, handed_at__isnull=False, lease_until__gt=now)
        )

    def due(self, now: datetime) -> "JobQuerySet":
        """Return the running jobs to ask the provider about."""
        return self.under_way().filter(status=Status.RUNNING, due_at__lte=now)

    def claim(self, now: datetime, lease: timedelta, most: int) -> "list[Job]":
        """Take up to `most` due jobs: until the lease ends nobody else gets one of them that is not nudged.

        First come those that are overdue by the most of their own waits, so that many that wait long do not starve the
        few that wait shortly. `due_at` of all is then the end of the lease. Loads no more than asking needs.
        """
        # A millisecond more, so that what was nudged just now beats all others as well.
        values = [now, now.timestamp() + 0.001, most, now + lease]
        return list(self.model.objects.raw(claim_statement(), values))

    def claim_impatient(self, now: datetime, lease: timedelta, most: int) -> "list[Job]":
        """Take up to `most` due jobs as `claim` does, but none that is patient."""
        values = [now, now.timestamp() + 0.001, most, now + lease]
        return list(self.model.objects.raw(claim_impatient_statement(), values))

    def hold(self, ids: Collection[uuid.UUID], now: datetime, until: datetime) -> int:
        """Prolong the claims of jobs that were asked about, but for those that were nudged since; in a transaction.

        What somebody else has locked is passed over: it is asked about once more, and nobody waits for anybody.
        """
        claimed = self.filter(pk__in=ids, status=Status.RUNNING, due_at__gt=now)
        free = claimed.select_for_update(skip_locked=True).order_by("pk").values_list("pk", flat=True)
        return self.filter(pk__in=list(free)).update(due_at=until)

    def nudge(self, now: datetime, **fields: Any) -> int:
        """Make running jobs due now, before all others, and return how many there were."""
        return self.filter(status=Status.RUNNING).update(due_at=now, pace=0, **fields)

    def kept(self) -> "JobQuerySet":
        """Return the jobs that their owner has not deleted."""
        return self.filter(deleted_at__isnull=True)

    def failed_at_saving(self) -> "JobQuerySet":
        """Return the jobs that failed although a video had been made, of which files may be left."""
        return self.filter(status=Status.FAILED, collecting_at__isnull=False)

    def under_way(self) -> "JobQuerySet":
        """Return the jobs that have not ended."""
        # What ended has a time at which it did. SQLite finds an index by this, and by a list of statuses none.
        return self.filter(finished_at__isnull=True).exclude(status__in=FINAL)


class Upload(models.Model):
    """A picture or video that a user sent to make videos from: checked, measured and stored."""

    class Kind(models.TextChoices):
        IMAGE = "image"
        VIDEO = "video"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="uploads")
    kind = models.CharField(max_length=5, choices=Kind)
    name = models.CharField(max_length=200, help_text="As its sender called it.")
    content_type = models.CharField(max_length=30, help_text="Found by its first bytes.")
    file = models.FileField(max_length=200, blank=True)
    size_bytes = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    seconds = models.FloatField(default=0, help_text="Length of the picture track of a video.")
    has_audio = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    deleted_at = models.DateTimeField(null=True, blank=True)
    files_tried_at = models.DateTimeField(null=True, blank=True, help_text="When its removal was last tried.")

    class Meta:
        ordering = ("-created_at", "-id")
        indexes: ClassVar[list[models.Index]] = [models.Index(fields=["user", "-created_at"], name="upload_of_user")]

    def __str__(self) -> str:
        return f"{self.name} ({self.kind})"


class Job(models.Model):
    """One wished video: what was asked for, how far it is, and what came of it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="jobs")
    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, blank=True, related_name="+")
    hold = models.OneToOneField(Hold, models.PROTECT, related_name="+")
    retry_of = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="retries")
    source_job = models.ForeignKey("self", models.PROTECT, null=True, blank=True, related_name="retakes")
    upload = models.ForeignKey(Upload, models.PROTECT, null=True, blank=True, related_name="jobs")
    token = models.UUIDField(null=True, blank=True, help_text="Of the form that made it: sent twice, it makes one job.")
    request_id = models.CharField(max_length=64, blank=True)

    # The wish
    model = models.CharField(max_length=100)
    prompt = models.TextField()
    parameters = models.JSONField(default=dict)
    warnings = models.JSONField(default=list, blank=True)

    # The way
    status = models.CharField(max_length=10, choices=Status, default=Status.QUEUED)
    created_at = models.DateTimeField()
    handed_at = models.DateTimeField(null=True, blank=True, help_text="When a worker was told; empty once it came.")
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When a worker began to prepare its submission.")
    lease_until = models.DateTimeField(null=True, blank=True, help_text="Until then somebody works on it.")
    due_at = models.DateTimeField(null=True, blank=True, help_text="Not looked at before.")
    attempts = models.PositiveIntegerField(default=0, help_text="Of what is tried again at the moment.")
    pace = models.FloatField(default=0, help_text="Seconds between the last two of these questions.")
    odd_status = models.CharField(max_length=40, blank=True, help_text="What the provider calls it that nobody knows.")
    bad_files = models.PositiveIntegerField(default=0, help_text="How often what was fetched was no video.")
    submit_started_at = models.DateTimeField(null=True, blank=True, help_text="The fence.")
    submitted_at = models.DateTimeField(null=True, blank=True)
    expected_seconds = models.FloatField(default=0, help_text="Usual time of its model, as known at submission.")
    billed = models.BigIntegerField(null=True, blank=True, help_text="Micro-dollars that the provider took for it.")
    billed_at = models.DateTimeField(null=True, blank=True, help_text="When its bill was last asked for.")
    late_at = models.DateTimeField(null=True, blank=True)
    not_found_since = models.DateTimeField(
        null=True, blank=True, help_text="Since then the provider answers 404 for its prediction."
    )
    collecting_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True, help_text="By its owner: only the row stays.")
    files_tried_at = models.DateTimeField(null=True, blank=True, help_text="When their removal was last tried.")
    prediction_id = models.CharField(max_length=64, null=True, blank=True, unique=True)
    webhook_hash = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of the token in its webhook's address."
    )
    shown_id = models.CharField(max_length=64, blank=True, help_text="Its prediction as a webhook named it.")
    heard_at = models.DateTimeField(null=True, blank=True, help_text="When its webhook last came.")
    polls = models.PositiveIntegerField(default=0, help_text="Answers of the provider about it.")
    rendered_ms = models.BigIntegerField(null=True, blank=True, help_text="How long it took by the provider's word.")
    error_code = models.CharField(max_length=50, blank=True)
    error_message = models.TextField(blank=True)
    provider_error = models.TextField(blank=True, help_text="The provider's own words.")

    # What came of it
    video = models.FileField(max_length=200, blank=True)
    poster = models.FileField(max_length=200, blank=True)
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    duration = models.FloatField(null=True, blank=True, help_text="Seconds.")
    has_audio = models.BooleanField(null=True, blank=True)
    size_bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    flags = models.JSONField(default=list, blank=True, help_text="Where what was delivered is not what was wished.")

    objects = JobQuerySet.as_manager()
    # No column: its place among its user's queued jobs, told to who has just made it.
    position: int | None = None

    class Meta:
        ordering = ("-created_at", "-id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "token"], name="job_token_is_used_once"),
            models.CheckConstraint(
                condition=~Q(status="succeeded")
                | Q(finished_at__isnull=False) & (~Q(video="") | Q(deleted_at__isnull=False)),
                name="job_succeeds_with_a_video",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user", "-created_at", "-id"], name="job_of_user"),
            models.Index(
                fields=["user", "status", "-created_at", "-id"],
                condition=Q(deleted_at__isnull=True),
                name="job_of_user_by_status",
            ),
            models.Index(
                fields=["user", "created_at", "id"], condition=Q(finished_at__isnull=True), name="job_of_user_not_ended"
            ),
            models.Index(
                fields=["status", "due_at"],
                condition=~Q(status__in=["succeeded", "failed", "canceled"]),
                name="job_under_way",
            ),
            models.Index(fields=["submit_started_at"], name="job_submit_started"),
            models.Index(fields=["model", "-finished_at"], condition=Q(status="succeeded"), name="job_usual_time"),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="job_finished"),
            models.Index(fields=["user"], condition=Q(error_code="moderated"), name="job_moderated"),
            models.Index(
                fields=["deleted_at"],
                condition=Q(deleted_at__isnull=False) & ~Q(video="", poster=""),
                name="job_files_to_remove",
            ),
            models.Index(
                fields=["files_tried_at"],
                condition=Q(status="failed", collecting_at__isnull=False),
                name="job_failed_at_saving",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.status}"

    @property
    def video_model(self) -> VideoModel:
        """The catalogue's entry of its model, also of one that is no longer offered."""
        return entry_of(self.model)

    @property
    def is_patient(self) -> bool:
        """Whether it waits long between two questions anyway, or got no answer to the last."""
        return is_patient(self.pace, self.attempts)

    @property
    def source(self) -> "Job | Upload | None":
        """What it is made from, where it is made from something."""
        return self.source_job or self.upload

    @property
    def source_seconds(self) -> float | None:
        """Length of the video that it changes; None where it changes none."""
        if self.source_job:
            return self.source_job.duration
        return self.upload.seconds if self.upload and self.upload.kind == Upload.Kind.VIDEO else None

    @property
    def is_final(self) -> bool:
        """Whether it has ended."""
        return self.status in FINAL

    @property
    def wished_seconds(self) -> float | None:
        """Length that was wished, that of the source where the model keeps it; None where nobody knows any more."""
        duration = self.parameters.get("duration")
        return float(duration) if duration is not None else self.source_seconds

    @property
    def wished_size(self) -> tuple[int, int] | None:
        """Pixels that were wished, those of the source where the model keeps them; None where nobody can tell."""
        if size := self.video_model.size(self.parameters):
            return size.width, size.height
        if self.source_seconds and self.source and self.source.width and self.source.height:
            return self.source.width, self.source.height
        return None

    @property
    def wished_audio(self) -> bool | None:
        """Whether a sound track was wished; None where that is the model's affair."""
        if "mode" in self.parameters and self.source:
            return self.parameters["mode"] != "replace_video" or bool(self.source.has_audio)
        wished: bool | None = self.parameters.get("generate_audio")
        return wished

    def wanted(self, name: str) -> Any:
        """Return the wished value of a parameter, None where its model has none."""
        return self.parameters.get(name)


class Stuck(Job):
    """A job that needs a person; operators have a page of their own for it."""

    class Meta:
        proxy = True
        verbose_name = "job to decide"
        verbose_name_plural = "jobs to decide"


class JobEventQuerySet(models.QuerySet["JobEvent"]):
    """Speaks of lines of history."""

    def fences(self, since: datetime) -> "JobEventQuerySet":
        """Return the submissions that have begun since: one for each try, where the job's row knows of the last."""
        return self.filter(at__gt=since, from_status=Status.QUEUED, to_status=Status.SUBMITTING)


class JobEvent(models.Model):
    """A line of a job's history, written in the transaction of what it tells."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    from_status = models.CharField(max_length=10, choices=Status, blank=True)
    to_status = models.CharField(max_length=10, choices=Status)
    actor = models.CharField(max_length=100)
    note = models.TextField(blank=True)

    objects = JobEventQuerySet.as_manager()

    class Meta:
        ordering = ("pk",)
        indexes: ClassVar[list[models.Index]] = [
            # Looked at ten times a second, and written once a submission.
            models.Index(fields=["at"], condition=Q(from_status="queued", to_status="submitting"), name="event_fence"),
        ]

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
