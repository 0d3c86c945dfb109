"""A page of the ledger's lines, the newest first, as their owner reads them."""

from dataclasses import dataclass

from django.http import QueryDict
from django.utils import timezone
from django.utils.formats import date_format

from billing.ledger import LEFT_CHANGE
from billing.models import LedgerEntry, Period
from generation.models import Job
from generation.templatetags.clapboard import dollars
from generation.web.wording import count, headline

PAGE = 25
Kind = LedgerEntry.Kind
_NOTHING = f"± {dollars(0)}"

KINDS = {
    Kind.HOLD: "Set aside",
    Kind.SETTLE: "Charged",
    Kind.RELEASE: "Given back",
    Kind.GRANT: "Granted",
    Kind.ADJUST: "Corrected",
    Kind.REFUND: "Refunded",
}
"""What users call the kinds of lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the ledger; `job` is None for what is about no video."""

    entry: LedgerEntry
    job: Job | None

    @property
    def what(self) -> str:
        """What happened."""
        match self.entry.kind:
            case Kind.SETTLE:
                return f"Charged: {dollars(self.entry.spend)} that was set aside"
            case Kind.GRANT if max(self.entry.spend, self.entry.videos, self.entry.seconds) <= 0:
                return "Grant ended; what was used of it stays"
            case Kind.ADJUST if _is_repair(self.entry):
                return "Counted again"
        return KINDS[Kind(self.entry.kind)]

    @property
    def reason(self) -> str:
        """Why, for what operators did."""
        if _is_repair(self.entry):
            return "What is shown as charged and set aside was put right. Nothing was charged."
        return self.entry.reason

    @property
    def title(self) -> str:
        """What the video is called by; empty where it is about none."""
        if self.entry.reference is None:
            return ""
        if self.job is None:
            return "A video"
        if self.job.deleted_at:
            return f"A video, deleted {date_format(timezone.localtime(self.job.deleted_at), 'j M Y')}"
        return headline(self.job.prompt)

    @property
    def is_kept(self) -> bool:
        """Whether there is a page to go to."""
        return self.job is not None and self.job.deleted_at is None

    @property
    def amount(self) -> str:
        """What it adds to what is left, or takes away; a charge does neither, what is set aside is no longer left."""
        entry = self.entry
        if not LEFT_CHANGE[Kind(entry.kind)]:
            return _NOTHING
        if entry.hold_id:
            return _signed(entry.kind, entry.spend, dollars(abs(entry.spend)))
        parts = (
            (entry.spend, dollars(abs(entry.spend))),
            (entry.videos, count(abs(entry.videos), "video")),
            (entry.seconds, f"{abs(entry.seconds):,} s"),
        )
        return ", ".join(_signed(entry.kind, value, text) for value, text in parts if value) or _NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A page of lines. `kind` is empty where all are shown, `more` the cursor of the next page."""

    lines: list[Line]
    kind: str
    more: str
    is_first: bool


def statement(period: Period, asked: QueryDict) -> Statement:
    """Return the page that an address asks for; what it can't mean is as if it were not said."""
    kind, before = asked.get("kind", ""), asked.get("before", "")
    entries = LedgerEntry.objects.filter(period=period.pk).order_by("-pk")
    if kind not in Kind.values:
        kind = ""
    if kind:
        entries = entries.filter(kind=kind)
    is_cursor = before.isascii() and before.isdigit() and len(before) < 19
    if is_cursor:
        entries = entries.filter(pk__lt=int(before))
    found = list(entries[: PAGE + 1])
    more = str(found[PAGE - 1].pk) if len(found) > PAGE else ""
    return Statement(lines=with_jobs(found[:PAGE]), kind=kind, more=more, is_first=not is_cursor)


def with_jobs(entries: list[LedgerEntry]) -> list[Line]:
    """Return lines with their jobs, found in one go. Billing knows a job by its id only."""
    jobs = Job.objects.select_related("api_key").in_bulk([entry.reference for entry in entries if entry.reference])
    return [Line(entry=entry, job=jobs.get(entry.reference) if entry.reference else None) for entry in entries]


def _is_repair(entry: LedgerEntry) -> bool:
    """Say whether it is the line of zeros that repaired counters leave."""
    return entry.kind == Kind.ADJUST and not any((entry.spend, entry.videos, entry.seconds))


def _signed(kind: str, value: int, text: str) -> str:
    adds = LEFT_CHANGE[Kind(kind)] * value
    return f"{'+' if adds > 0 else '−'} {text}" if adds else _NOTHING
