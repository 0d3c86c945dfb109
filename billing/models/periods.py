"""A month of a subscription: its limits, its counters, and what operators add to it."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from billing.models.plans import Subscription, limit_field
from billing.money import LIMITS, Amount


def counter_field() -> "models.BigIntegerField[int, int]":
    """Return a counter, a projection of the ledger."""
    return models.BigIntegerField(default=0)


class Period(models.Model):
    """One month of a subscription: the limits that hold in it, and what is spent, held and granted.

    One rule, whatever came first: a limit's target is the override's or else the plan's, and the grants in force on
    top of it; what holds is the target, but never less than is spent and held. So what was taken away can't be used
    again: the limit sinks to its target as holds are released or spent money comes back.

    The limits stand here and not behind a join, since PostgreSQL does not read a joined row again after it waited for
    the lock (measured: 514 sold of 500).
    """

    subscription = models.ForeignKey(Subscription, models.PROTECT, related_name="periods")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    spend_limit = limit_field("Micro-dollars")
    spend_target = limit_field("Micro-dollars")
    spend_spent = counter_field()
    spend_held = counter_field()
    spend_granted = counter_field()
    videos_limit = limit_field("Videos")
    videos_target = limit_field("Videos")
    videos_spent = counter_field()
    videos_held = counter_field()
    videos_granted = counter_field()
    seconds_limit = limit_field("Seconds of video")
    seconds_target = limit_field("Seconds of video")
    seconds_spent = counter_field()
    seconds_held = counter_field()
    seconds_granted = counter_field()
    models_allowed = models.JSONField(null=True, blank=True, help_text="Ids of the models; empty: all.")
    grant_expires_at = models.DateTimeField(null=True, blank=True, help_text="The earliest of its grants.")

    class Meta:
        ordering = ("-starts_at",)
        indexes: ClassVar[list[models.Index]] = [
            # Looked for every second; the rows in it are few, and a hold changes none.
            models.Index(
                fields=["grant_expires_at"],
                condition=Q(grant_expires_at__isnull=False),
                name="period_has_a_grant_to_end",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["subscription", "starts_at"], name="period_is_opened_once"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="period_ends_after_it_starts"),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}_{sum_}__gte": 0 for sum_ in ("spent", "held", "granted")}),
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
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{limit}_target__isnull": True, f"{limit}_limit__isnull": True})
                    | Q(**{f"{limit}_target__isnull": False, f"{limit}_limit__isnull": False})
                    & Q(**{f"{limit}_limit__gte": F(f"{limit}_target")})
                    & (
                        Q(**{f"{limit}_limit": F(f"{limit}_target")})
                        | Q(**{f"{limit}_limit": F(f"{limit}_spent") + F(f"{limit}_held")})
                    ),
                    name=f"period_{limit}_is_its_target_or_used",
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

    def base(self, limit: str) -> int | None:
        """Return what `limit` is meant to be before grants, None where it is unlimited."""
        target = getattr(self, f"{limit}_target")
        return None if target is None else int(target - getattr(self, f"{limit}_granted"))

    def above(self, limit: str) -> int:
        """Return by how much `limit` stands above its target, since that much is spent and held already."""
        allowed, target = getattr(self, f"{limit}_limit"), getattr(self, f"{limit}_target")
        return 0 if allowed is None else int(allowed - target)


class Grant(models.Model):
    """Extra dollars, videos or seconds for one period. It goes when it expires; what is used by then stays used."""

    period = models.ForeignKey(Period, models.PROTECT, related_name="grants")
    spend = models.BigIntegerField(default=0, help_text="Micro-dollars.")
    videos = models.BigIntegerField(default=0)
    seconds = models.BigIntegerField(default=0)
    reason = models.CharField(max_length=300)
    granted_by = models.CharField(max_length=100)
    granted_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    expired_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-granted_at", "-pk")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(spend__gte=0, videos__gte=0, seconds__gte=0) & ~Q(spend=0, videos=0, seconds=0),
                name="grant_grants_something",
            ),
        ]

    def __str__(self) -> str:
        return f"grant {self.pk} of {self.period}"

    @property
    def amount(self) -> Amount:
        """What it adds to each limit."""
        return Amount(spend=self.spend, videos=self.videos, seconds=self.seconds)
