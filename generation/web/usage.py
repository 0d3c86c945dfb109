"""The usage of the current period: what is charged, set aside and left, by day, and the lines that prove it."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Q, Sum
from django.db.models.functions import TruncDate
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from billing import services as billing
from billing.models import LedgerEntry, Period
from billing.money import LIMITS
from generation.models import Job
from generation.templatetags.clapboard import dollars
from generation.web.pages import UserRequest, page
from generation.web.wording import count, day, headline

PAGE = 25
_NAMES = {"spend": "Money", "videos": "Videos", "seconds": "Seconds of video"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit of the period: the bar, and the same in words."""

    name: str
    spent: int
    held: int
    whole: int | None
    headline: str
    lines: tuple[tuple[str, str], ...]

    @property
    def label(self) -> str:
        """What the bar says to those who can't see it."""
        return f"{self.name}: {self.headline}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What was charged on one day; `x` and `height` in percent of the chart."""

    date: date
    spend: int
    x: str
    width: str
    y: str
    height: str

    @property
    def title(self) -> str:
        """What the column stands for."""
        return f"{date_format(self.date, 'j F')}: {dollars(self.spend)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerLine:
    """A line of the ledger as its owner reads it."""

    entry: LedgerEntry
    what: str
    amount: str
    job: Job | None

    @property
    def title(self) -> str:
        """What the video is called by."""
        if self.job is None:
            return "A video"
        return headline(self.job.prompt) if self.is_kept else "A video, deleted"

    @property
    def is_kept(self) -> bool:
        """Whether there is a page to go to."""
        return self.job is not None and self.job.deleted_at is None


@page
@require_safe
def usage(request: UserRequest) -> HttpResponse:
    """Show the current period."""
    now = timezone.now()
    period = billing.current_period(request.user, now)
    lines, more = _ledger(period, request.GET.get("before", ""))
    context: dict[str, object] = {"lines": lines, "more": more}
    if request.htmx and "before" in request.GET:
        return render(request, "usage/_lines.html", context)
    context |= {
        "period": period,
        "plan": period.subscription.plan,
        "sentence": _sentence(period, now),
        "limits": [_limit(period, limit) for limit in LIMITS],
        "days": (days := _days(period, now)),
        "most": f"Most on one day: {dollars(max(day_.spend for day_ in days))}" if days else "",
        "is_first_page": "before" not in request.GET,
    }
    return render(request, "usage/usage.html", context)


def _sentence(period: Period, now: datetime) -> str:
    """Return which days it is about, and when the next ones come."""
    starts, ends = timezone.localtime(period.starts_at), timezone.localtime(period.ends_at)
    days = (period.ends_at - now).days
    rest = f"{count(days, 'day')} left" if days else "It ends today"
    return f"{day(starts)} to {day(ends)}. {rest}. Renews {date_format(ends, 'j F, H:i')} ({ends.tzname()})."


def _limit(period: Period, limit: str) -> Limit:
    spent, held = getattr(period, f"{limit}_spent"), getattr(period, f"{limit}_held")
    whole, left = getattr(period, f"{limit}_limit"), period.left(limit)
    headline_ = f"{_said(limit, spent)} spent" if limit == "spend" else f"{_said(limit, spent)} used"
    lines = [("Charged", f"− {_said(limit, spent)}"), ("Set aside", f"− {_said(limit, held)}")]
    if whole is None:
        headline_ += ", no limit"
        lines = [("Charged", _said(limit, spent)), ("Set aside", _said(limit, held)), ("Limit", "none")]
    else:
        headline_ += f" of {_said(limit, whole)}"
        lines = [("In this period", _said(limit, whole)), *lines, ("Left", f"= {_said(limit, left or 0)}")]
    return Limit(name=_NAMES[limit], spent=spent, held=held, whole=whole, headline=headline_, lines=tuple(lines))


def _said(limit: str, value: int) -> str:
    return dollars(value) if limit == "spend" else f"{value:,} s" if limit == "seconds" else f"{value:,}"


def _days(period: Period, now: datetime) -> list[Day]:
    """Return each day from the period's start to today with what was charged on it; none when nothing was."""
    charged = {
        row["on"]: row["spend"]
        for row in LedgerEntry.objects.filter(period=period.pk, kind=LedgerEntry.Kind.SETTLE)
        .annotate(on=TruncDate("at"))
        .values("on")
        .annotate(spend=Sum("spend"))
        .order_by("on")
    }
    if not charged:
        return []
    first = timezone.localtime(period.starts_at).date()
    last = max(timezone.localtime(now).date(), *charged)
    dates = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    # A month wide, even on its second day: columns that shrink from day to day could not be compared.
    slots = max(len(dates), (period.ends_at - period.starts_at).days)
    most = max(charged.values())
    return [
        Day(
            date=on,
            spend=(spend := charged.get(on, 0)),
            x=f"{number * 100 / slots:.2f}%",
            width=f"{70 / slots:.2f}%",
            y=f"{100 - spend * 100 / most:.2f}%",
            height=f"{spend * 100 / most:.2f}%",
        )
        for number, on in enumerate(dates)
    ]


def _ledger(period: Period, before: str) -> tuple[list[LedgerLine], str]:
    """Return a page of the period's lines, the newest first, and the cursor of the next page."""
    entries = LedgerEntry.objects.filter(period=period.pk).order_by("-pk")
    if before.isascii() and before.isdigit() and len(before) < 19:
        entries = entries.filter(Q(pk__lt=int(before)))
    found = list(entries[: PAGE + 1])
    page_ = found[:PAGE]
    jobs = Job.objects.in_bulk([entry.reference for entry in page_])
    lines = [
        LedgerLine(
            entry=entry,
            what=_WHAT.get(entry.kind, entry.get_kind_display()),
            amount=_amount(entry),
            job=jobs.get(entry.reference),
        )
        for entry in page_
    ]
    return lines, str(page_[-1].pk) if len(found) > PAGE else ""


_WHAT = {"hold": "Set aside", "settle": "Charged, out of what was set aside", "release": "Given back"}


def _amount(entry: LedgerEntry) -> str:
    """Return the amount of a line; its words say which way it went. Charged is no second time what was set aside."""
    return f"+ {dollars(entry.spend)}" if entry.kind == "release" else dollars(entry.spend)
