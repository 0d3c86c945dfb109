"""What is offered, who has it, and what it costs."""

from datetime import datetime
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from billing.models.people import User
from billing.money import LIMITS

MOST_PRIORITY = 10  # a user of the least plan then waits ten rounds instead of one, and no longer


def limit_field(what: str) -> "models.BigIntegerField[int | None, int | None]":
    """Return a limit: NULL is unlimited, 0 is none."""
    return models.BigIntegerField(null=True, blank=True, help_text=f"{what} a period; empty: unlimited, 0: none.")


class Plan(models.Model):
    """What is offered."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=50)
    monthly_price = models.BigIntegerField(default=0, help_text="Micro-dollars a month; nothing is collected.")
    spend_limit = limit_field("Micro-dollars")
    videos_limit = limit_field("Videos")
    seconds_limit = limit_field("Seconds of video")
    models_allowed = models.JSONField(null=True, blank=True, help_text="Ids of the models; empty: all.")
    jobs_at_a_time = models.PositiveIntegerField(default=1, help_text="Orders the queue and refuses nobody.")
    priority = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MOST_PRIORITY)],
        help_text=f"1 to {MOST_PRIORITY}: how much more of a full queue its users get than those of a plan with 1.",
    )
    order = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("order",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}_limit__isnull": True}) | Q(**{f"{limit}_limit__gte": 0}),
                    name=f"plan_{limit}_limit_is_not_negative",
                )
                for limit in LIMITS
            ),
            models.CheckConstraint(condition=Q(jobs_at_a_time__gte=1), name="plan_has_a_place"),
            models.CheckConstraint(
                condition=Q(priority__gte=1, priority__lte=MOST_PRIORITY), name="plan_has_a_mild_priority"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """Who has which plan. One a user, for life: its anchor never changes, or leaving would buy a fresh period."""

    user = models.OneToOneField(User, models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    anchor = models.DateTimeField(help_text="Months are counted from here.")
    next_plan = models.ForeignKey(Plan, models.PROTECT, null=True, blank=True, related_name="+")
    next_plan_at = models.DateTimeField(null=True, blank=True, help_text="From the period on that starts then.")
    past_due_since = models.DateTimeField(null=True, blank=True, help_text="No new jobs; what is held goes on.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="Periods that start later are those of Free.")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(next_plan__isnull=True, next_plan_at__isnull=True)
                | Q(next_plan__isnull=False, next_plan_at__isnull=False),
                name="subscription_names_plan_and_moment",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} on {self.plan}"


class Override(models.Model):
    """Another limit than the plan's for one subscription, set by an operator. No row: the plan's."""

    class Limit(models.TextChoices):
        SPEND = "spend"  # micro-dollars a period
        VIDEOS = "videos"
        SECONDS = "seconds"
        MODELS = "models"  # which models

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="overrides")
    limit = models.CharField(max_length=10, choices=Limit)
    value = models.BigIntegerField(null=True, blank=True, help_text="Empty: unlimited, 0: none.")
    models_allowed = models.JSONField(null=True, blank=True, help_text="Ids of the models; empty: all.")
    reason = models.CharField(max_length=300)
    set_by = models.CharField(max_length=100)
    set_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["subscription", "limit"], name="override_is_one_a_limit"),
            models.CheckConstraint(condition=Q(value__isnull=True) | Q(value__gte=0), name="override_is_not_negative"),
            models.CheckConstraint(
                condition=Q(limit="models", value__isnull=True) | ~Q(limit="models") & Q(models_allowed__isnull=True),
                name="override_is_of_its_kind",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit} of {self.subscription}"


class PriceQuerySet(models.QuerySet["Price"]):
    """Speaks of prices."""

    def at(self, now: datetime) -> "PriceQuerySet":
        """Return the prices that have begun, the newest first."""
        return self.filter(starts_at__lte=now).order_by("-starts_at", "-pk")


class Price(models.Model):
    """Micro-dollars a second for a model and variant, from a moment on. A new price is a new row."""

    model = models.CharField(max_length=100, help_text="Full id, such as lightricks/ltx-2-pro/text-to-video.")
    variant = models.CharField(max_length=30, blank=True, help_text="Such as 480p; empty where a model has one price.")
    micros_per_second = models.BigIntegerField(help_text="Micro-dollars: $0.06 is 60,000.")
    starts_at = models.DateTimeField()

    objects = PriceQuerySet.as_manager()

    class Meta:
        ordering = ("model", "variant", "-starts_at")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["model", "variant", "starts_at"], name="price_starts_once"),
            models.CheckConstraint(condition=Q(micros_per_second__gt=0), name="price_is_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.model} {self.variant}".strip()
