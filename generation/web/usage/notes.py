"""What the owner of a period should know first: payment, the plan that follows, limits that run out."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format

from billing.models import Period, Subscription
from billing.money import LIMITS
from billing.periods import period_of
from billing.services import FREE
from generation.web.usage.limits import said
from generation.web.usage.periods import Chosen, day_of
from generation.web.wording import count

_WARNING, _ERROR, _INFO = "warning", "error", "info"
_NEAR = 80  # percent, as in the mails


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A line on top of the page; `level` is that of Django's messages."""

    level: str
    text: str


def notes(looked: Chosen) -> list[Note]:
    """Return what to know about the current period, what stops new videos first; nothing about those that are over."""
    if not looked.is_current:
        return []
    return [
        *_payment(looked),
        *(note for limit in LIMITS if (note := _threshold(looked, limit))),
        *_following(looked),
        *_grants(looked),
    ]


def _payment(looked: Chosen) -> list[Note]:
    since = looked.period.subscription.past_due_since
    if since is None:
        return []
    text = (
        f"Payment is due since {day_of(since, looked.now)}. New videos can be made once it has arrived, also "
        "on another plan or on Free; what is under way goes on."
    )
    return [Note(level=_ERROR, text=text)]


def _threshold(looked: Chosen, limit: str) -> Note | None:
    """Return that a limit is used up, or nearly so; nothing for those that are unlimited or none."""
    whole, left = getattr(looked.period, f"{limit}_limit"), looked.period.left(limit)
    if not getattr(looked.period, f"{limit}_target") or left is None:
        return None
    done = f"of this period {'is spent' if limit == 'spend' else 'are used'} or set aside"
    if left <= 0:
        text = f"All {_amount(limit, whole)} {done}. The next period begins on {looked.ends}."
        return Note(level=_ERROR, text=text)
    percent = (whole - left) * 100 // whole
    if percent < _NEAR:
        return None
    text = f"{percent} % of the {_amount(limit, whole)} {done}; {_amount(limit, left)} left until {looked.ends}."
    return Note(level=_WARNING, text=text)


def _amount(limit: str, value: int) -> str:
    return count(value, "video") if limit == "videos" else said(limit, value) + " of video" * (limit == "seconds")


def _following(looked: Chosen) -> list[Note]:
    """Return which plan follows and when, and when the plan ends: each where it is still to come."""
    subscription, period, now = looked.period.subscription, looked.period, looked.now
    found = []
    ends_at = _plan_ends_at(subscription, period)
    plan, starts_at = subscription.next_plan, subscription.next_plan_at
    # Where both come at once the end comes first: then it is Free.
    if plan and starts_at and starts_at > period.starts_at and starts_at != ends_at:
        found.append(f"You keep today's limits until {day_of(starts_at, now)}; then {plan.name}'s.")
    if ends_at and subscription.expires_at:
        until = f"You keep its limits until {day_of(ends_at, now)}; then Free's."
        found.append(f"Your plan ends on {day_of(subscription.expires_at, now)}. {until}")
    return [Note(level=_INFO, text=text) for text in found]


def _plan_ends_at(subscription: Subscription, period: Period) -> datetime | None:
    """Return when the first period begins that the plan's end makes one of Free; None where there is no such end."""
    expires_at = subscription.expires_at
    if expires_at is None or expires_at <= period.starts_at or subscription.plan.slug == FREE:
        return None
    starts_at, ends_at = period_of(subscription.anchor, expires_at)
    return starts_at if starts_at == expires_at else ends_at


def _grants(looked: Chosen) -> list[Note]:
    until = looked.period.grant_expires_at
    if until is None or until >= looked.period.ends_at:  # what ends with its period needs no word
        return []
    moment = f"{day_of(until, looked.now)}, {date_format(timezone.localtime(until), 'H:i')}"
    return [Note(level=_INFO, text=f"Something granted to you ends on {moment}. What is unused of it then is gone.")]
