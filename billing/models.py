"""Who may spend how much: people and keys, plans and periods, holds and the ledger.

Amounts of money are integers of micro-dollars (1 USD = 1,000,000). Counters change in billing.services only.
"""

import hashlib
import secrets
import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from billing.money import LIMITS, Amount


class LowerCaseEmailField(models.EmailField):  # type: ignore[type-arg]
    """An e-mail address without regard to case: stored and looked up in lower case."""

    def get_prep_value(self, value: Any) -> Any:
        """Lower what goes to the database, in rows and in lookups alike."""
        prepared = super().get_prep_value(value)
        return prepared.lower() if isinstance(prepared, str) else prepared

    def to_python(self, value: Any) -> Any:
        """Lower what comes from forms."""
        cleaned = super().to_python(value)
        return cleaned.lower() if isinstance(cleaned, str) else cleaned


class UserManager(DjangoUserManager["User"]):
    """Makes users by their e-mail address; the user name is only a handle."""

    def create_user(  # type: ignore[override]
        self, email: str, password: str | None = None, *, username: str | None = None, **fields: Any
    ) -> "User":
        """Create a user; without a user name one is drawn."""
        return super().create_user(username or new_username(), email, password, **fields)

    def create_superuser(  # type: ignore[override]
        self, email: str, password: str | None = None, *, username: str | None = None, **fields: Any
    ) -> "User":
        """Create an operator who may do everything in the admin."""
        return super().create_superuser(username or new_username(), email, password, **fields)


def new_username() -> str:
    """Return an unused handle."""
    return f"user-{secrets.token_hex(8)}"


class User(AbstractUser):
    """Somebody who makes videos. Never deleted, since the ledger must keep whom it speaks of."""

    email = LowerCaseEmailField("email address", unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects: ClassVar[UserManager] = UserManager()

    def __str__(self) -> str:
        return str(self.email)


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    """Speaks of keys."""

    def active(self) -> "ApiKeyQuerySet":
        """Return the keys that open the door now."""
        unexpired = Q(expires_at__isnull=True) | Q(expires_at__gt=Now())
        return self.filter(unexpired, revoked_at__isnull=True, user__is_active=True)


class ApiKey(models.Model):
    """A named, revocable key of a user. Only its hash is kept; the row is never deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(User, models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16, help_text="The first characters of the key, to tell it by.")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(secret: str) -> str:
        """Return what is kept of a key: SHA-256 is enough, since a key is 256 random bits and no password."""
        return hashlib.sha256(secret.encode()).hexdigest()


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
        ]

    def __str__(self) -> str:
        return self.name


class Subscription(models.Model):
    """Who has which plan. One a user, for life: its anchor never changes, or leaving would buy a fresh period."""

    user = models.OneToOneField(User, models.PROTECT, related_name="subscription")
    plan = models.ForeignKey(Plan, models.PROTECT, related_name="subscriptions")
    anchor = models.DateTimeField(help_text="Months are counted from here.")

    def __str__(self) -> str:
        return f"{self.user} on {self.plan}"


def counter_field() -> "models.BigIntegerField[int, int]":
    """Return a counter, a projection of the ledger."""
    return models.BigIntegerField(default=0)


class Period(models.Model):
    """One month of a subscription: the limits that hold in it, and what is spent and held.

    The limits stand here and not behind a join, since PostgreSQL does not read a joined row again after it waited for
    the lock (measured: 514 sold of 500).
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    spend_limit = limit_field("Micro-dollars")
    spend_spent = counter_field()
    spend_held = counter_field()
    videos_limit = limit_field("Videos")
    videos_spent = counter_field()
    videos_held = counter_field()
    seconds_limit = limit_field("Seconds of video")
    seconds_spent = counter_field()
    seconds_held = counter_field()

    class Meta:
        ordering = ("-starts_at",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="period_is_opened_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="period_ends_after_it_starts"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}_spent__gte": 0, f"{limit}_held__gte": 0}),
                    name=f"period_{limit}_is_not_negative",
                )
                for limit in LIMITS
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}_limit__isnull": True})
                    | Q(**{f"{limit}_limit__gte": F(f"{limit}_spent") + F(f"{limit}_held")}),
                    name=f"period_{limit}_is_not_oversold",
                )
                for limit in LIMITS
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}, {self.starts_at:%d %b %Y} to {self.ends_at:%d %b %Y}"

    def left(self, limit: str) -> int | None:
        """Return what is left of `limit` ("spend", "videos", "seconds"), None where it is unlimited."""
        allowed = getattr(self, f"{limit}_limit")
        if allowed is None:
            return None
        return int(allowed - getattr(self, f"{limit}_spent") - getattr(self, f"{limit}_held"))


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


class Hold(models.Model):
    """What is set aside for one job: held, then settled or released, once. It does not know what a job is."""

    class State(models.TextChoices):
        HELD = "held"  # counts in the period's held sums
        SETTLED = "settled"  # was spent
        RELEASED = "released"  # was given back

    period = models.ForeignKey(Period, models.PROTECT, related_name="holds")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    reference = models.UUIDField(unique=True, help_text="What it is for: the id of a job.")
    state = models.CharField(max_length=10, choices=State, default=State.HELD)
    spend = models.BigIntegerField(help_text="Micro-dollars.")
    videos = models.BigIntegerField()
    seconds = models.BigIntegerField()
    created_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(spend__gt=0, videos__gte=0, seconds__gt=0), name="hold_holds_something"),
            models.CheckConstraint(
                condition=Q(state="held", resolved_at__isnull=True)
                | Q(state__in=["settled", "released"], resolved_at__isnull=False),
                name="hold_is_resolved_with_a_time",
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

    period = models.ForeignKey(Period, models.PROTECT, related_name="entries")
    hold = models.ForeignKey(Hold, models.PROTECT, related_name="entries")
    price = models.ForeignKey(Price, models.PROTECT, related_name="+")
    reference = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=10, choices=Kind)
    spend = models.BigIntegerField(help_text="Micro-dollars.")
    videos = models.BigIntegerField()
    seconds = models.BigIntegerField()
    actor = models.CharField(max_length=100)
    request_id = models.CharField(max_length=64, blank=True)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "ledger entries"
        ordering = ("-pk",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["hold"], condition=Q(kind="hold"), name="hold_is_taken_once"),
            models.UniqueConstraint(
                fields=["hold"], condition=Q(kind__in=["settle", "release"]), name="hold_is_resolved_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.reference}"
