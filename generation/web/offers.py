"""Prices where one chooses: what a wish costs, whether it fits what is left, and what would."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product
from typing import Any

from billing.models import Period, Price, User
from billing.money import LIMITS
from billing.services import InsufficientQuota, limits_to_come
from generation.catalog import Parameter, VideoModel
from generation.services import Closed, Quote, with_standing
from generation.spec import InvalidSpec, video_spec
from generation.templatetags.clapboard import dollars
from generation.web.forms import FAMILIES, WishForm
from generation.web.sources import Source
from generation.web.wording import count, day, join

_MOST_SUGGESTIONS = 3
_FREE_IS_USED_UP = "All that free videos may cost together today is used up. It begins anew tomorrow."
_ANY_PROMPT = "x"  # the price does not depend on it, and an empty one is no wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Other settings, which fit what is left."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What stands on the button and below it."""

    quote: Quote | None
    model: VideoModel
    plan: str
    in_plan: bool
    closed: str | None
    lacks: bool = False
    suggestions: tuple[Suggestion, ...] = ()
    to_come: Mapping[str, Any] = field(default_factory=dict)  # the next period's limits, where one of now is in the way

    @property
    def cost(self) -> int | None:
        """Micro-dollars; None where there is no price."""
        return self.quote.amount.spend if self.quote else None

    @property
    def priced(self) -> str:
        """What the price was asked for, so that a changed price and a changed wish can be told apart."""
        return PriceList.key(self.quote) if self.quote else ""

    @property
    def is_on(self) -> bool:
        """Whether pressing the button can make a video."""
        fits = self.quote is not None and self.quote.violated is None and self.quote.refused is None
        return fits and self.in_plan and not self.closed

    @property
    def sentence(self) -> str:
        """What it leaves, or why it can't be made."""
        if not self.in_plan:
            return f"{self.model.title} is not part of your plan, {self.plan}."
        if self.closed:
            return f"{self.model.title} is closed just now: {self.closed}"
        if self.lacks:
            return "Choose a video first: its length makes the price."
        if self.quote is None:
            return "There is no price for these settings, so nothing can be made of them."
        if self.quote.refused:
            return str(self.quote.refused)
        return _obstacle(self.quote, self.to_come) if self.quote.violated else _leaves(self.quote)


class PriceList:
    """The prices of now and what is closed, read at once; the period that they must fit in; and the chosen source."""

    def __init__(self, period: Period, now: datetime, *, closed: Closed, user: User) -> None:
        self.period = period
        self._user, self._now = user, now
        self.closed = closed
        self.source: Source | None = None
        self._prices: dict[tuple[str, str], Price] = {}
        for price in Price.objects.at(now):
            self._prices.setdefault((price.model, price.variant), price)

    @staticmethod
    def key(quote: Quote) -> str:
        """Return what a price is for: what the same is said of costs the same at one moment."""
        return f"{quote.spec.model.id}:{quote.spec.variant}:{quote.spec.seconds}"

    def quote(self, model: VideoModel, wish: Mapping[str, object]) -> Quote | None:
        """Return what a wish costs, whatever is typed in it; None where a choice is invalid or has no price."""
        asked = {p.name: wish[p.name] for p in model.parameters if p.choices and p.name in wish}
        if self.source and model.media:
            asked[model.media.name] = self.source.media
        try:
            spec = video_spec({"model": model.id, "prompt": _ANY_PROMPT, **asked})
        except InvalidSpec:
            return None
        price = self._prices.get((model.id, spec.variant))
        return Quote(spec=spec, price=price, period=self.period) if price else None

    def cost(self, model: VideoModel, wish: Mapping[str, object]) -> int | None:
        """Return the same as micro-dollars."""
        quote = self.quote(model, wish)
        return quote.amount.spend if quote else None

    def offer(self, form: WishForm) -> Offer:
        """Return what stands on the button for this form."""
        model = form.model
        quote = self.quote(model, form.wish) if form.wish["model"] == model.id else None
        if quote:
            quote = with_standing(quote, self._user, self._now)
        # Another choice helps where a limit of the period is in the way, and nowhere else.
        stuck = quote is not None and quote.violated in LIMITS and quote.refused is None
        return Offer(
            quote=quote,
            model=model,
            plan=self.period.subscription.plan.name,
            in_plan=self.includes(model),
            closed=self.closed.model(model.id),
            lacks=bool(model.media and not self.source),
            suggestions=self._fitting(form) if stuck else (),
            to_come=limits_to_come(self.period) if stuck else {},
        )

    def includes(self, model: VideoModel) -> bool:
        """Say whether the plan has a model."""
        return self.period.models_allowed is None or model.id in self.period.models_allowed

    def may_choose(self, model: VideoModel) -> bool:
        """Say whether a model can be chosen at all."""
        return self.includes(model) and not self.closed.model(model.id)

    def per_second(self, model: VideoModel) -> str:
        """Return what a second costs."""
        prices = {price.micros_per_second for (name, _), price in self._prices.items() if name == model.id}
        if not prices:
            return "no price just now"
        return f"{'from ' if len(prices) > 1 else ''}{dollars(min(prices))} a second"

    def choices(self, model: VideoModel, parameter: Parameter) -> tuple[str | int, ...]:
        """Return what may be chosen for a parameter now."""
        return self.closed.choices(model.id, parameter.name, parameter.choices)

    def _fitting(self, form: WishForm) -> tuple[Suggestion, ...]:
        """Return other choices that fit what is left: of the chosen model first, and of these the dearest."""
        found: dict[str, Quote] = {}
        for family in sorted(FAMILIES, key=lambda family: family is not form.family):
            model = form.of_family(family)
            fitting = [quote for quote in self._quotes(model) if quote.violated is None and self.may_choose(model)]
            for quote in sorted(fitting, key=lambda quote: -quote.amount.spend):
                found.setdefault(self.key(quote), quote)
        return tuple(_suggestion(quote) for quote in list(found.values())[:_MOST_SUGGESTIONS])

    def _quotes(self, model: VideoModel) -> Iterable[Quote]:
        """Return a quote for each way in which the model's price can be chosen."""
        deciding = _deciding(model)
        for values in product(*(self.choices(model, parameter) for parameter in deciding)):
            wish = dict(zip((p.name for p in deciding), values, strict=True))
            if quote := self.quote(model, wish):
                yield quote


def included(period: Period) -> str:
    """Return what the period brings, for somebody who has made nothing yet."""
    parts = [
        _of(limit, getattr(period, f"{limit}_limit"))
        for limit in LIMITS
        if getattr(period, f"{limit}_limit") is not None
    ]
    held = f"includes {join(parts)} a month" if parts else "has no limit"
    return f"Your plan, {period.subscription.plan.name}, {held}."


def needed(error: InsufficientQuota) -> str:
    """Return what is needed, what is left, and until when; also of limits that are not the period's."""
    if error.violated == "free_today":
        return _FREE_IS_USED_UP
    limit = error.violated if error.violated in LIMITS else "spend"
    until = f" until {day(error.resets_at)}" if error.resets_at else ""
    return f"{_of(limit, error.required)} needed, {_of(limit, error.available)} left{until}."


def _deciding(model: VideoModel) -> list[Parameter]:
    """Return the parameters that the price depends on."""
    return [p for p in model.parameters if p.choices and p.name in {"duration", model.variant_parameter}]


def _suggestion(quote: Quote) -> Suggestion:
    model = quote.spec.model
    chosen = [(parameter, quote.spec.parameters[parameter.name]) for parameter in _deciding(model)]
    labels = [parameter.label_of(value) for parameter, value in chosen]
    value = " ".join([f"model={model.id}", *(f"{parameter.name}={value}" for parameter, value in chosen)])
    return Suggestion(label=f"{', '.join([model.title, *labels])}: {dollars(quote.amount.spend)} fits", value=value)


def _of(limit: str, value: int) -> str:
    match limit:
        case "spend":
            return dollars(value)
        case "videos":
            return count(value, "video")
        case _:
            return f"{value} s"


def _leaves(quote: Quote) -> str:
    """Return what is left once it is made: Leaves $1.64 of $2.00 and 1 of 2 videos until 22 December."""
    parts = []
    for limit in LIMITS:
        rest = quote.period.left(limit)
        if rest is None:
            continue
        after = rest - getattr(quote.amount, limit)
        whole = getattr(quote.period, f"{limit}_limit")
        number = f"{after:,}" if limit != "spend" else dollars(after)
        parts.append(f"{number} of {_of(limit, whole)}")
    return f"Leaves {join(parts)} until {day(quote.period.ends_at)}." if parts else "Your plan has no limit."


def _obstacle(quote: Quote, to_come: Mapping[str, Any]) -> str:
    """Return what stands in the way, and what comes with the next period."""
    period, limit = quote.period, quote.violated or ""
    if limit == "free_today":
        return _FREE_IS_USED_UP
    rest, whole = period.left(limit) or 0, getattr(period, f"{limit}_limit")
    renewal, comes = day(period.ends_at), to_come[f"{limit}_limit"]
    if limit != "videos":
        until = "" if comes == 0 else f" until {renewal}"
        return f"{_of(limit, getattr(quote.amount, limit))} needed, {_of(limit, rest)} left{until}."
    if not whole:
        return f"You have no videos in this period. {renewal} brings {_brings(comes)}."
    used = f"All {whole:,} videos of this period are" if whole > 1 else "The one video of this period is"
    return f"{used} used. {renewal} brings {_brings(comes, ' more')}."


def _brings(value: int | None, more: str = "") -> str:
    """Say how many videos that is: 2, none, or with " more": 2 more, no more."""
    if value is None:
        return "as many as you like"
    return f"{value:,}{more}" if value else f"no{more}" if more else "none"
