"""Months, and what belongs to one: own limits, grants, notices; and the days of Free."""

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from billing.admin.tables import allowed_by, ids, used, used_table
from billing.desk import OnlyReadRows, ReadOnly, amounts, display, usd, written
from billing.models import FreeDay, Grant, LimitsEntry, Notice, Override, Period
from billing.money import Amount


class GrantsOfPeriod(OnlyReadRows):
    """What operators have added."""

    model = Grant
    verbose_name_plural = "Grants"
    fields = ("granted_at", "amount", "reason", "granted_by", "expires_at", "expired_at")
    readonly_fields = ("amount",)

    @display(description="Amount")
    def amount(self, grant: Grant) -> str:
        """Return how much."""
        return _amount(grant)


class LimitsOfPeriod(OnlyReadRows):
    """What its limits were before grants, and since when: the lines that prove what holds."""

    model = LimitsEntry
    verbose_name_plural = "Limits before grants"
    fields = ("at", "spends", "videos_of_it", "seconds_of_it", "actor", "reason")
    readonly_fields = ("spends", "videos_of_it", "seconds_of_it")

    @display(description="Spend")
    def spends(self, line: LimitsEntry) -> str:
        """Return dollars."""
        return written("spend", line.spend)

    @display(description="Videos")
    def videos_of_it(self, line: LimitsEntry) -> str:
        """Return how many."""
        return written("videos", line.videos)

    @display(description="Seconds")
    def seconds_of_it(self, line: LimitsEntry) -> str:
        """Return how many."""
        return written("seconds", line.seconds)


class NoticesOfPeriod(OnlyReadRows):
    """What its owner was told."""

    model = Notice
    verbose_name_plural = "Notices"
    fields = ("created_at", "kind", "limit", "sent_at")


@admin.register(Period)
class PeriodsAdmin(ReadOnly):
    """A month of a subscription: its limits, and what is granted, spent and held."""

    paginator = InfinitePaginator
    inlines = (LimitsOfPeriod, GrantsOfPeriod, NoticesOfPeriod)
    list_display = ("user", "plan", "starts_at", "ends_at", "spend", "videos", "seconds")
    list_filter = ("subscription__plan", "starts_at")
    list_select_related = ("subscription__user", "subscription__plan")
    search_fields = ("subscription__user__email",)
    search_help_text = "Part of its owner's address."
    fields = ("subscription", "starts_at", "ends_at", "limits", "models", "grant_expires_at")
    readonly_fields = ("limits", "models")

    @display(description="User", ordering="subscription__user__email")
    def user(self, period: Period) -> str:
        """Return whose it is."""
        return str(period.subscription.user)

    @display(description="Plan now", ordering="subscription__plan__order")
    def plan(self, period: Period) -> str:
        """Return the plan of today."""
        return str(period.subscription.plan)

    @display(description="Spent + held of limit", ordering="spend_spent")
    def spend(self, period: Period) -> str:
        """Return dollars."""
        return used(period, "spend")

    @display(description="Videos", ordering="videos_spent")
    def videos(self, period: Period) -> str:
        """Return how many."""
        return used(period, "videos")

    @display(description="Seconds", ordering="seconds_spent")
    def seconds(self, period: Period) -> str:
        """Return how many."""
        return used(period, "seconds")

    @display(description="Limits")
    def limits(self, period: Period) -> SafeString:
        """Return them with what is used."""
        return used_table(period)

    @display(description="Models")
    def models(self, period: Period) -> str:
        """Return which models may be used."""
        return ids(period.models_allowed)


class _OfPeriod(ReadOnly):
    """Rows of a period, named by its owner."""

    paginator = InfinitePaginator
    list_select_related = ("period__subscription__user", "period__subscription__plan")
    ordering = ("-pk",)
    search_help_text = "Part of its owner's address, or of the reason."

    @display(description="User")
    def user(self, row: Grant | Notice) -> str:
        """Return whose it is."""
        return str(row.period.subscription.user)


@admin.register(Grant)
class GrantsAdmin(_OfPeriod):
    """What operators have added to periods. Granted and refunded by actions."""

    list_display = ("user", "amount", "reason", "granted_by", "granted_at", "expires_at", "expired_at")
    list_filter = ("granted_at", "expires_at")
    search_fields = ("period__subscription__user__email", "reason", "granted_by__exact")
    fields = ("period", "amount", "reason", "granted_by", "granted_at", "expires_at", "expired_at")
    readonly_fields = ("amount",)

    @display(description="Amount", ordering="spend")
    def amount(self, grant: Grant) -> str:
        """Return how much."""
        return _amount(grant)


@admin.register(Notice)
class NoticesAdmin(_OfPeriod):
    """What users are told, and whether it was sent."""

    list_display = ("user", "kind", "limit", "created_at", "taken_at", "sent_at")
    list_filter = ("kind", "limit", ("sent_at", admin.EmptyFieldListFilter))
    search_fields = ("period__subscription__user__email",)
    search_help_text = "Part of its owner's address."


@admin.register(Override)
class OverridesAdmin(ReadOnly):
    """Other limits than the plan's. Set and removed on the subscription's page."""

    list_display = ("user", "limit", "allowed", "reason", "set_by", "set_at")
    list_filter = ("limit", "set_at")
    list_select_related = ("subscription__user", "subscription__plan")
    search_fields = ("subscription__user__email", "reason", "set_by__exact")
    search_help_text = "Part of its owner's address, or of the reason."
    ordering = ("-pk",)
    fields = ("subscription", "limit", "allowed", "reason", "set_by", "set_at")
    readonly_fields = ("allowed",)

    @display(description="User", ordering="subscription__user__email")
    def user(self, override: Override) -> str:
        """Return whose it is."""
        return str(override.subscription.user)

    @display(description="Allows", ordering="value")
    def allowed(self, override: Override) -> str:
        """Return what it allows."""
        return allowed_by(override)


@admin.register(FreeDay)
class FreeDaysAdmin(ReadOnly):
    """What all of Free spends in a day, where a ceiling is set."""

    list_display = ("day", "spend")
    list_filter = ("day",)
    ordering = ("-day",)
    fields = ("day", "spend")
    readonly_fields = ("spend",)

    @display(description="Held and spent", ordering="spend_used")
    def spend(self, free: FreeDay) -> str:
        """Return dollars."""
        return usd(free.spend_used)


def _amount(grant: Grant) -> str:
    return amounts(Amount(spend=grant.spend, videos=grant.videos, seconds=grant.seconds))
