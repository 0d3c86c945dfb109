"""What is set aside, and the lines that prove it."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from billing.models.people import ApiKey
from billing.models.periods import Grant, Period
from billing.models.plans import Price, limit_field
from billing.money import Amount


class FreeDay(models.Model):
    """What all Free subscriptions together spend on one day (UTC), where an operator has set a ceiling."""

    day = models.DateField(unique=True)
    spend_used = models.BigIntegerField(default=0, help_text="Micro-dollars, held and spent.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(spend_used__gte=0), name="free_day_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"Free on {self.day}"


class Hold(models.Model):
    """What is set aside for one job: held, then settled or released, once. It does not know what a job is."""

    class State(models.TextChoices):
        HELD = "held"  # counts in the period's held sums
        SETTLED = "settled"  # was spent
        RELEASED = "released"  # was given back

    period = models.ForeignKey(Period, models.PROTECT, related_name="holds")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    api_key = models.ForeignKey(ApiKey, models.PROTECT, null=True, blank=True, related_name="holds")
    free_day = models.ForeignKey("billing.FreeDay", models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.UUIDField(unique=True, help_text="What it is for: the id of a job.")
    state = models.CharField(max_length=10, choices=State, default=State.HELD)
    spend = models.BigIntegerField(help_text="Micro-dollars.")
    videos = models.BigIntegerField()
    seconds = models.BigIntegerField()
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    refunded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(spend__gt=0, videos__gte=0, seconds__gt=0), name="hold_holds_something"),
            models.CheckConstraint(
                condition=Q(state="held", resolved_at__isnull=True)
                | Q(state__in=["settled", "released"], resolved_at__isnull=False),
                name="hold_is_resolved_with_a_time",
            ),
            models.CheckConstraint(
                condition=Q(refunded_at__isnull=True) | Q(state="settled"), name="hold_is_refunded_when_settled"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], condition=Q(state="held"), name="hold_open"),
        ]

    def __str__(self) -> str:
        return f"{self.reference} {self.state}"

    @property
    def amount(self) -> Amount:
        """What it takes of each limit."""
        return Amount(spend=self.spend, videos=self.videos, seconds=self.seconds)


class LedgerEntry(models.Model):
    """An immutable line. A period's counters are the sums of its lines; manage.py check_ledger proves it."""

    class Kind(models.TextChoices):
        HOLD = "hold"  # held += amount
        SETTLE = "settle"  # held -= amount, spent += amount
        RELEASE = "release"  # held -= amount
        GRANT = "grant"  # granted += amount; all of it is taken off again where a grant expires
        ADJUST = "adjust"  # spent += amount, of either sign; nothing at all where counters were repaired
        REFUND = "refund"  # spent -= amount

    period = models.ForeignKey(Period, models.PROTECT, related_name="entries")
    hold = models.ForeignKey(Hold, models.PROTECT, null=True, blank=True, related_name="entries")
    grant = models.ForeignKey(Grant, models.PROTECT, null=True, blank=True, related_name="entries")
    price = models.ForeignKey(Price, models.PROTECT, null=True, blank=True, related_name="+")
    reference = models.UUIDField(null=True, blank=True, db_index=True)
    kind = models.CharField(max_length=10, choices=Kind)
    spend = models.BigIntegerField(help_text="Micro-dollars.")
    videos = models.BigIntegerField()
    seconds = models.BigIntegerField()
    actor = models.CharField(max_length=100)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["hold"], condition=Q(kind="hold"), name="hold_is_taken_once"),
            models.UniqueConstraint(
                fields=["hold"], condition=Q(kind__in=["settle", "release"]), name="hold_is_resolved_once"
            ),
            models.UniqueConstraint(fields=["hold"], condition=Q(kind="refund"), name="hold_is_refunded_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["hold", "settle", "release", "refund"], hold__isnull=False, price__isnull=False)
                | Q(kind="grant", grant__isnull=False, hold__isnull=True)
                | Q(kind="adjust", grant__isnull=True, hold__isnull=True),
                name="line_names_what_it_is_about",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["grant", "adjust", "refund"]) | ~Q(reason=""), name="line_says_why"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["period", "-id"], name="line_of_period"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"


class LimitsEntry(models.Model):
    """An immutable line: a period's limits before grants and its models, from a moment on. The latest is the proof."""

    period = models.ForeignKey(Period, models.PROTECT, related_name="limits_entries")
    spend = limit_field("Micro-dollars")
    videos = limit_field("Videos")
    seconds = limit_field("Seconds of video")
    models_allowed = models.JSONField(null=True, blank=True, help_text="Ids of the models; empty: all.")
    actor = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    reason = models.CharField(max_length=300)

    class Meta:
        verbose_name_plural = "limits entries"
        ordering = ("-pk",)

    def __str__(self) -> str:
        return f"limits of {self.period}"


class Notice(models.Model):
    """Something to tell a user, written in the transaction of what it tells, sent by generation, once."""

    class Kind(models.TextChoices):
        LIMIT_80 = "limit_80"
        LIMIT_100 = "limit_100"

    period = models.ForeignKey(Period, models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=20, choices=Kind)
    limit = models.CharField(max_length=10)
    created_at = models.DateTimeField()
    taken_at = models.DateTimeField(null=True, blank=True, help_text="When somebody began to send it.")
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["period", "kind", "limit"], name="notice_is_given_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], condition=Q(sent_at__isnull=True), name="notice_to_send"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.limit}, {self.period}"
