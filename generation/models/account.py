"""What the provider account allows, what is closed, where we disagree, and who lives."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from generation.models.jobs import Job


class Gate(models.Model):
    """What the provider account allows; one row. While it is closed, jobs wait and none fails."""

    class Cause(models.TextChoices):
        ACCOUNT = "account"  # the provider refuses the key or the account: an operator reopens it
        CREDIT = "credit"  # it refuses for lack of credit: reopens by a rise, where a least balance is set
        BALANCE = "balance"  # below the least balance: reopens by itself
        OPERATOR = "operator"

    predictions_at_a_time = models.PositiveIntegerField()
    submissions_a_minute = models.PositiveIntegerField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_reason = models.TextField(blank=True)
    closed_for = models.CharField(max_length=10, choices=Cause, blank=True)
    narrowed_to = models.PositiveIntegerField(null=True, blank=True, help_text="Predictions at a time, for a while.")
    narrowed_until = models.DateTimeField(null=True, blank=True)
    least_balance = models.BigIntegerField(
        null=True, blank=True, help_text="Micro-dollars: below it the Gate closes, above it reopens; empty: never."
    )
    balance = models.BigIntegerField(null=True, blank=True, help_text="Micro-dollars at the provider.")
    balance_at = models.DateTimeField(null=True, blank=True)
    credit_mark = models.BigIntegerField(
        null=True, blank=True, help_text="Micro-dollars: the least that was read since WaveSpeed refused for credit."
    )
    told_at = models.DateTimeField(
        null=True, blank=True, help_text="When operators were last told that it closed for money."
    )

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(pk=1), name="gate_is_one_row"),
        ]

    def __str__(self) -> str:
        state = f"closed: {self.closed_reason}" if self.closed_at else "open"
        return f"{self.predictions_at_a_time} at a time, {self.submissions_a_minute} a minute, {state}"


class Turn(models.Model):
    """When a user last had a job handed to a worker: whose turn it is, where nobody has more in flight."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, primary_key=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id} at {self.at}"


class Switch(models.Model):
    """A model, one value of a parameter, or everything, closed for new jobs. What is under way goes on."""

    model = models.CharField(max_length=100, blank=True, help_text="Full id; empty closes all models.")
    parameter = models.CharField(max_length=50, blank=True, help_text="Empty closes the whole model.")
    value = models.CharField(max_length=100, blank=True, help_text="Of the parameter, as JSON writes it: 10, 1280*720.")
    reason = models.CharField(max_length=300, help_text="Users read it.")
    closed_at = models.DateTimeField()
    closed_by = models.CharField(max_length=100)
    opened_at = models.DateTimeField(null=True, blank=True)
    opened_by = models.CharField(max_length=100, blank=True)

    class Meta:
        verbose_name_plural = "switches"
        ordering = ("-closed_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["model", "parameter", "value"],
                condition=Q(opened_at__isnull=True),
                name="switch_is_closed_once",
            ),
            models.CheckConstraint(
                condition=Q(parameter="", value="") | ~Q(model="") & ~Q(parameter="") & ~Q(value=""),
                name="switch_of_a_value_names_all",
            ),
        ]

    def __str__(self) -> str:
        what = " ".join(part for part in (self.model or "all models", self.parameter, self.value) if part)
        return f"{what}: {'open' if self.opened_at else 'closed'}"


class Heartbeat(models.Model):
    """When a process last showed that it works: the watcher by itself, a cluster by running a hint it was asked to."""

    name = models.CharField(max_length=30, primary_key=True)
    beat_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Watcher(models.Model):
    """A watcher that runs, by a name of its own. So many share the questions that may be asked in a second."""

    name = models.CharField(max_length=60, primary_key=True)
    beat_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name


class Ear(models.Model):
    """What it takes to believe the provider's webhooks, and when one was last believed; one row."""

    secret = models.CharField(max_length=200, blank=True, help_text="Webhooks are signed with it; the provider's.")
    secret_at = models.DateTimeField(null=True, help_text="When it was fetched.")
    asked_at = models.DateTimeField(null=True, help_text="When a worker was last asked to fetch it.")
    heard_at = models.DateTimeField(null=True, help_text="When a webhook was last believed, give or take 5 s.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(pk=1), name="ear_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"last heard {self.heard_at:%d %b %H:%M:%S}" if self.heard_at else "nothing heard"


class Difference(models.Model):
    """What we and the provider disagree about. An operator looks at it and resolves it with a note."""

    class Kind(models.TextChoices):
        CANCELED_THERE = "canceled_there", "Canceled at WaveSpeed, which may bill it"
        PAID_FOR_NOTHING = "paid_for_nothing", "Made, and no video came of it"
        NO_VERDICT = "no_verdict", "Seven days without a verdict"
        LATE_COMPLETION = "late_completion", "Completed after we had ended it"
        NOT_OURS = "not_ours", "A prediction without a job"
        NOT_THERE = "not_there", "A charge without a bill"
        OTHER_PRICE = "other_price", "Billed at another price"
        BILLED_FAILURE = "billed_failure", "Billed, and not charged"

    kind = models.CharField(max_length=20, choices=Kind)
    job = models.ForeignKey(Job, models.PROTECT, null=True, blank=True, related_name="differences")
    prediction_id = models.CharField(max_length=64, blank=True)
    ours = models.CharField(max_length=300)
    theirs = models.CharField(max_length=300)
    noted_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=100, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ("-noted_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "job"], condition=Q(job__isnull=False), name="difference_of_job_is_noted_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "prediction_id"],
                condition=Q(job__isnull=True),
                name="difference_of_prediction_is_noted_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.job_id or self.prediction_id}"
