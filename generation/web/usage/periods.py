"""Which period is looked at, and how its days are said."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode

from django.http import Http404
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format

from billing import services as billing
from billing.models import Period, User
from generation.web.wording import count

_MOST = 120  # periods to choose from: ten years


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The period that is looked at, and the one of now, which it may be."""

    period: Period
    current: Period
    now: datetime

    @property
    def is_current(self) -> bool:
        """Whether it is the period of now."""
        return self.period is self.current

    @property
    def name(self) -> str:
        """What addresses call it by: the day on which it starts."""
        return _name(self.period)

    @property
    def ends(self) -> str:
        """The day on which the next one begins."""
        return day_of(self.period.ends_at, self.now)

    @property
    def sentence(self) -> str:
        """Which days it is about, and when the next ones come."""
        if not self.is_current:
            return f"{_days(self.period, self.now)}. This period is over."
        rest = _rest(self.period.ends_at, self.now)
        ends = timezone.localtime(self.period.ends_at)
        renews = f"Renews {self.ends}, {date_format(ends, 'H:i')} ({ends.tzname()})"
        return f"{_days(self.period, self.now)}. {rest}. {renews}."

    @property
    def title(self) -> str:
        """What its statement is called: a month where it is one."""
        starts = timezone.localtime(self.period.starts_at)
        return date_format(starts, "F Y") if starts.day == 1 else _days(self.period, self.now)

    @property
    def file_name(self) -> str:
        """What its statement is called as a file."""
        return f"clapboard-{self.name}-to-{timezone.localtime(self.period.ends_at):%Y-%m-%d}.csv"

    def address(self, view: str = "usage", **query: object) -> str:
        """Return the address of a view about it. It names the period, which may be over when the link is followed."""
        # What nobody has opened has no lines, and whoever never had a subscription has a period that starts now.
        period = {"period": self.name} if self.period.pk else {}
        return f"{reverse(view)}?{urlencode(period | query)}" if period or query else reverse(view)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A period that one can look at."""

    name: str
    title: str
    is_chosen: bool


def chosen(user: User, asked: str, now: datetime) -> Chosen:
    """Return the period of now, or the user's own that starts on the day that is asked for; Http404 where none does."""
    current = billing.current_period(user, now)
    if asked in {"", _name(current)}:
        return Chosen(period=current, current=current, now=now)
    try:
        on = date.fromisoformat(asked)
    except ValueError:
        raise Http404 from None
    own = Period.objects.filter(subscription__user=user, starts_at__date=on)
    found = own.select_related("subscription__plan", "subscription__next_plan").first()
    if found is None:
        raise Http404
    return Chosen(period=found, current=current, now=now)


def choices(looked: Chosen) -> list[Choice]:
    """Return the periods of the same subscription, the newest first; none where there is but one."""
    current, now = looked.current, looked.now
    stored = Period.objects.filter(subscription=current.subscription.pk).order_by("-starts_at")
    found = [current, *(period for period in stored[:_MOST] if period.starts_at != current.starts_at)]
    if len(found) == 1:
        return []
    return [
        Choice(name=_name(period), title=_days(period, now), is_chosen=period.starts_at == looked.period.starts_at)
        for period in found
    ]


def day_of(moment: datetime, now: datetime) -> str:
    """Return the day of a moment, with its year where that is another: 22 December, 3 January 2027."""
    there, here = timezone.localtime(moment), timezone.localtime(now)
    return date_format(there, "j F" if there.year == here.year else "j F Y")


def _rest(ends_at: datetime, now: datetime) -> str:
    """Say how long it goes on; one that ends at midnight ends on the day before."""
    if days := (ends_at - now).days:
        return f"{count(days, 'day')} left"
    last = timezone.localtime(ends_at - timedelta(microseconds=1)).date()
    return "It ends today" if last == timezone.localtime(now).date() else "It ends tomorrow"


def _days(period: Period, now: datetime) -> str:
    return f"{day_of(period.starts_at, now)} to {day_of(period.ends_at, now)}"


def _name(period: Period) -> str:
    return f"{timezone.localtime(period.starts_at):%Y-%m-%d}"
