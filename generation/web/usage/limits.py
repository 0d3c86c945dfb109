"""A sum for each limit: what was given, less what is charged and set aside, is what is left."""

from dataclasses import dataclass

from billing.models import ApiKey, Override, Period, User
from billing.money import LIMITS
from generation.templatetags.clapboard import dollars
from generation.web.usage.periods import Chosen

_NAMES = {"spend": "Money", "videos": "Videos", "seconds": "Seconds of video"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: the bar, and the same in words. `whole` is None where it is unlimited."""

    name: str
    spent: int
    held: int
    whole: int | None
    headline: str
    lines: tuple[tuple[str, str], ...] = ()
    remark: str = ""

    @property
    def has_bar(self) -> bool:
        """Whether there is something that can be used up."""
        return bool(self.whole)

    @property
    def label(self) -> str:
        """What the bar says to those who can't see it."""
        return f"{self.name}: {self.headline}"


def limits(looked: Chosen) -> list[Limit]:
    """Return the limits of a period. Of one that is over nobody knows any more which plan gave them."""
    own = Override.objects.filter(subscription=looked.period.subscription.pk).exclude(limit=Override.Limit.MODELS)
    overrides = {override.limit: override.value for override in own} if looked.is_current else {}
    return [_limit(looked, limit, overrides) for limit in LIMITS]


def capped_keys(user: User) -> list[Limit]:
    """Return what the caps of the user's API keys leave; a cap is for the life of a key."""
    capped = ApiKey.objects.active().filter(user=user, spend_limit__isnull=False)
    return [_cap(key) for key in capped]


def said(limit: str, value: int | None) -> str:
    """Return an amount of a limit as it reads."""
    if value is None:
        return "no limit"
    return dollars(value) if limit == "spend" else f"{value:,} s" if limit == "seconds" else f"{value:,}"


def _limit(looked: Chosen, limit: str, overrides: dict[str, int | None]) -> Limit:
    period = looked.period
    spent, held = getattr(period, f"{limit}_spent"), getattr(period, f"{limit}_held")
    whole = getattr(period, f"{limit}_limit")
    origin, remark = _origin(looked, limit, overrides) if looked.is_current else ("In this period", "")
    done = f"{said(limit, spent)} {'spent' if limit == 'spend' else 'used'}"
    lines: tuple[tuple[str, str], ...]
    if whole is None:
        headline = f"{done}, no limit"
        lines = (("Charged", said(limit, spent)), ("Set aside", said(limit, held)), (origin, "no limit"))
    elif whole == 0:
        # What `origin` says in a line of a sum, here without one.
        headline, lines = f"None {origin[0].lower()}{origin[1:]}", ()
    else:
        headline = f"{done} of {said(limit, whole)}"
        lines = _sum(looked, limit, origin)
    return Limit(name=_NAMES[limit], spent=spent, held=held, whole=whole, headline=headline, lines=lines, remark=remark)


def _sum(looked: Chosen, limit: str, origin: str) -> tuple[tuple[str, str], ...]:
    """Return the lines of a limit that is neither unlimited nor none."""
    period = looked.period
    whole, granted, spent, held = (getattr(period, f"{limit}_{of}") for of in ("limit", "granted", "spent", "held"))
    return (
        (origin, said(limit, period.base(limit))),
        *([("Granted", f"+ {said(limit, granted)}")] if granted else []),
        *([("Stops at what is used", f"+ {said(limit, above)}")] if (above := period.above(limit)) else []),
        ("Charged", f"− {said(limit, spent)}"),
        ("Set aside", f"− {said(limit, held)}"),
        ("Left" if looked.is_current else "Not used", f"= {said(limit, whole - spent - held)}"),
    )


def _origin(looked: Chosen, limit: str, overrides: dict[str, int | None]) -> tuple[str, str]:
    """Return where a limit comes from, and a remark where this period's is another than what holds from now on."""
    period, plan = looked.period, getattr(looked.period.subscription.plan, f"{limit}_limit")
    given, now = period.base(limit), overrides.get(limit, plan)
    if given == now:
        origin = f"Set for you, instead of {said(limit, plan)}" if now != plan else "In your plan"
        return origin, _stops(period, limit)
    keeps = f"Your plan says {said(limit, now)} now; this period keeps {said(limit, given)} until {looked.ends}."
    return "In this period", f"{keeps} {_stops(period, limit)}".strip()


def _stops(period: Period, limit: str) -> str:
    """Say where a limit stands above what it is meant to be: what is used is never taken away, but nor used twice."""
    if not period.above(limit):
        return ""
    whole, target = getattr(period, f"{limit}_limit"), getattr(period, f"{limit}_target")
    return (
        f"The limit is {said(limit, target)} now, and stops at {said(limit, whole)}, since that much is used or set "
        "aside already. What comes back of it can't be used again."
    )


def _cap(key: ApiKey) -> Limit:
    whole, left = key.spend_limit or 0, key.left or 0
    return Limit(
        name=str(key),
        spent=key.spend_spent,
        held=key.spend_held,
        whole=whole,
        headline=f"{dollars(key.spend_spent)} spent of {dollars(whole)}" if whole else "Its cap is $0.00",
        lines=(
            ("Cap", dollars(whole)),
            ("Charged", f"− {dollars(key.spend_spent)}"),
            ("Set aside", f"− {dollars(key.spend_held)}"),
            ("Left", f"= {dollars(left)}"),
        ),
    )
