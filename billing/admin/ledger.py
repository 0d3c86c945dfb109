"""What is set aside, and the lines that prove it."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.paginator import InfinitePaginator

from billing.admin.links import link_to
from billing.desk import ReadOnly, display, to_the_second, usd, who
from billing.models import Hold, LedgerEntry


def _uuid(pasted: str) -> UUID | None:
    try:
        return UUID(pasted.strip())
    except ValueError:
        return None


@admin.register(Hold)
class HoldsAdmin(ReadOnly):
    """What is set aside for a job, and what became of it."""

    paginator = InfinitePaginator
    list_display = ("reference", "user", "state_chip", "dollars", "videos", "seconds", "created_at", "resolved_at")
    list_filter = ("state", ("refunded_at", admin.EmptyFieldListFilter), "created_at")
    list_select_related = ("period__subscription__user", "price")
    search_fields = ("period__subscription__user__email",)
    search_help_text = "The id of a job, or part of its owner's address."
    ordering = ("-pk",)
    fields = (
        *("reference", "user", "state_chip", "dollars", "videos", "seconds", "price", "of_period", "api_key"),
        *("free_day", "created_at", "resolved_at", "refunded_at"),
    )
    readonly_fields = ("user", "state_chip", "dollars", "of_period")

    @display(description="User")
    def user(self, hold: Hold) -> str:
        """Return whose it is."""
        return str(hold.period.subscription.user)

    @display(
        description="State",
        ordering="state",
        label={"held": "warning", "settled": "success", "released": "info", "refunded": "info"},
    )
    def state_chip(self, hold: Hold) -> str:
        """Return where the money is."""
        return "refunded" if hold.refunded_at else hold.state

    @display(description="Amount", ordering="spend")
    def dollars(self, hold: Hold) -> str:
        """Return dollars."""
        return usd(hold.spend)

    @display(description="Period")
    def of_period(self, hold: Hold) -> SafeString | str:
        """Link to it."""
        return link_to(hold.period)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find a hold by the id of its job."""
        if found := _uuid(search_term):
            return queryset.filter(reference=found), False
        return super().get_search_results(request, queryset, search_term)


@admin.register(LedgerEntry)
class LedgerAdmin(ReadOnly):
    """Every line there is; none is ever changed."""

    paginator = InfinitePaginator
    list_display = ("when", "kind_chip", "user", "dollars", "videos", "seconds", "about", "actor", "why")
    list_display_links = ("when",)
    list_filter = ("kind", "at")
    list_select_related = ("period__subscription__user",)
    search_fields = ("request_id__exact", "actor__exact", "period__subscription__user__email")
    search_help_text = "The id of a job or request, an actor such as “user 7”, or part of an address."
    ordering = ("-pk",)
    fields = (
        *("when", "kind_chip", "user", "dollars", "videos", "seconds", "reason", "done_by", "request_id"),
        *("reference", "of_hold", "of_grant", "of_period", "price"),
    )
    readonly_fields = ("when", "kind_chip", "user", "dollars", "done_by", "of_hold", "of_grant", "of_period")

    @display(
        description="Kind",
        ordering="kind",
        label={
            "hold": "warning",
            "settle": "success",
            "release": "default",
            "grant": "primary",
            "adjust": "danger",
            "refund": "info",
        },
    )
    def kind_chip(self, entry: LedgerEntry) -> str:
        """Return what it does to the counters."""
        return entry.kind

    @display(description="User")
    def user(self, entry: LedgerEntry) -> str:
        """Return whose it is."""
        return str(entry.period.subscription.user)

    @display(description="Amount", ordering="spend")
    def dollars(self, entry: LedgerEntry) -> str:
        """Return dollars."""
        return usd(entry.spend)

    @display(description="Reason")
    def why(self, entry: LedgerEntry) -> str:
        """Return its first words."""
        return entry.reason if len(entry.reason) <= 60 else f"{entry.reason[:59]}…"

    @display(description="At", ordering="pk")
    def when(self, entry: LedgerEntry) -> SafeString:
        """Return the time to the second."""
        return format_html('<span class="whitespace-nowrap">{}</span>', to_the_second(entry.at))

    @display(description="Job")
    def about(self, entry: LedgerEntry) -> str:
        """Return enough of the job's id to tell it."""
        return str(entry.reference or "–")[:8]

    @display(description="Actor")
    def done_by(self, entry: LedgerEntry) -> str:
        """Return who did it, by address where it was somebody."""
        name = who(entry.actor)
        return name if name == entry.actor else f"{entry.actor}, {name}"

    @display(description="Hold")
    def of_hold(self, entry: LedgerEntry) -> SafeString | str:
        """Link to it."""
        return link_to(entry.hold)

    @display(description="Grant")
    def of_grant(self, entry: LedgerEntry) -> SafeString | str:
        """Link to it."""
        return link_to(entry.grant)

    @display(description="Period")
    def of_period(self, entry: LedgerEntry) -> SafeString | str:
        """Link to it."""
        return link_to(entry.period)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find lines by a pasted id: of a job or a request, which look alike."""
        if found := _uuid(search_term):
            return queryset.filter(Q(reference=found) | Q(request_id=search_term.strip())), False
        return super().get_search_results(request, queryset, search_term)
