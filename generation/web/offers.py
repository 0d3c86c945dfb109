"""Prices where one chooses: what each option costs, whether it fits what is left, and what would."""

from dataclasses import dataclass
from datetime import datetime
from itertools import product

from django.conf import settings

from billing.models import Period, Price
from billing.money import LIMITS
from generation import catalog
from generation.catalog import Kind, Parameter, VideoModel
from generation.services import Quote
from generation.spec import InvalidSpec, video_spec
from generation.templatetags.clapboard import dollars
from generation.web.forms import WishForm
from generation.web.wording import count, day, join, span

_MOST_SUGGESTIONS = 3
_ANY_PROMPT = "x"  # the price does not depend on it, and an empty one is no wish


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One value that may be chosen. `cost` in micro-dollars where the choice decides it."""

    value: str
    label: str
    checked: bool
    cost: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A parameter of the chosen model as the composer shows it."""

    parameter: Parameter
    value: str
    options: tuple[Option, ...]
    error: str

    @property
    def is_switch(self) -> bool:
        """Whether it is on or off."""
        return self.parameter.kind is Kind.BOOLEAN

    @property
    def is_on(self) -> bool:
        """Whether the switch is on."""
        return self.value in {"true", "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model to choose: what it can, for how much, and in what time."""

    model: VideoModel
    checked: bool
    in_plan: bool
    price: str
    usual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """Other settings, which fit what is left."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What stands on the button and below it."""

    quote: Quote | None
    in_plan: bool
    suggestions: tuple[Suggestion, ...] = ()

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
        return bool(self.quote and self.in_plan and self.quote.violated is None)

    @property
    def sentence(self) -> str:
        """What it leaves, or why it can't be made."""
        if self.quote is None:
            return "There is no price for these settings, so nothing can be made of them."
        period = self.quote.period
        if not self.in_plan:
            return f"{self.quote.spec.model.title} is not part of your plan, {period.subscription.plan.name}."
        return _obstacle(self.quote) if self.quote.violated else _leaves(self.quote)


class PriceList:
    """The prices of now, read at once, and the period that they must fit in."""

    def __init__(self, period: Period, now: datetime) -> None:
        self.period = period
        self._prices: dict[tuple[str, str], Price] = {}
        for price in Price.objects.at(now):
            self._prices.setdefault((price.model, price.variant), price)

    @staticmethod
    def key(quote: Quote) -> str:
        """Return what a price is for: what the same is said of costs the same at one moment."""
        return f"{quote.spec.model.id}:{quote.spec.variant}:{quote.spec.seconds}"

    def quote(self, wish: dict[str, object]) -> Quote | None:
        """Return what a wish costs, whatever its prompt; None where it is invalid or has no price."""
        try:
            spec = video_spec({**wish, "prompt": _ANY_PROMPT})
        except InvalidSpec:
            return None
        price = self._prices.get((spec.model.id, spec.variant))
        return Quote(spec=spec, price=price, period=self.period) if price else None

    def offer(self, form: WishForm) -> Offer:
        """Return what stands on the button for this form."""
        quote = self.quote(form.wish)
        stuck = quote is not None and quote.violated is not None
        suggestions = self._fitting(form) if stuck else ()
        return Offer(quote=quote, in_plan=self._in_plan(form.model), suggestions=suggestions)

    def fields(self, form: WishForm) -> list[Field]:
        """Return the fields of the chosen model but for the prompt, each option with its price."""
        return [
            Field(
                parameter=parameter,
                value=form.chosen(parameter),
                options=self._options(form, parameter),
                error=form.complaint(parameter.name),
            )
            for parameter in form.model.parameters
            if parameter.name != "prompt"
        ]

    def model_cards(self, form: WishForm) -> list[ModelCard]:
        """Return all models of the catalogue."""
        return [
            ModelCard(
                model=model,
                checked=model is form.model,
                in_plan=self._in_plan(model),
                price=self._per_second(model),
                usual=f"usually about {span(settings.SANDBOX_SECONDS if settings.SANDBOX else model.usual_seconds)}",
            )
            for model in catalog.MODELS
        ]

    def _options(self, form: WishForm, parameter: Parameter) -> tuple[Option, ...]:
        costs = {choice: self._cost({**form.wish, parameter.name: choice}) for choice in parameter.choices}
        decides = len(set(costs.values())) > 1
        chosen = form.chosen(parameter)
        return tuple(
            Option(
                value=str(choice),
                label=_label(parameter, choice),
                checked=str(choice) == chosen,
                cost=costs[choice] if decides else None,
            )
            for choice in parameter.choices
        )

    def _cost(self, wish: dict[str, object]) -> int | None:
        quote = self.quote(wish)
        return quote.amount.spend if quote else None

    def _in_plan(self, model: VideoModel) -> bool:
        allowed = self.period.subscription.plan.models_allowed
        return allowed is None or model.id in allowed

    def _per_second(self, model: VideoModel) -> str:
        prices = {price.micros_per_second for (name, _), price in self._prices.items() if name == model.id}
        if not prices:
            return "no price just now"
        return f"{'from ' if len(prices) > 1 else ''}{dollars(min(prices))} a second"

    def _fitting(self, form: WishForm) -> tuple[Suggestion, ...]:
        """Return other choices that fit what is left: of the chosen model first, and of these the dearest."""
        found = []
        for model in sorted(catalog.MODELS, key=lambda model: model is not form.model):
            fitting = [quote for quote in self._choices_of(model) if quote.violated is None and self._in_plan(model)]
            found += sorted(fitting, key=lambda quote: -quote.amount.spend)
        return tuple(_suggestion(quote) for quote in found[:_MOST_SUGGESTIONS])

    def _choices_of(self, model: VideoModel) -> list[Quote]:
        chosen = [parameter for parameter in model.parameters if parameter.choices]
        wishes: list[dict[str, object]] = [
            {"model": model.id, **{p.name: value for p, value in zip(chosen, values, strict=True)}}
            for values in product(*(parameter.choices for parameter in chosen))
        ]
        return [quote for wish in wishes if (quote := self.quote(wish))]


def included(period: Period) -> str:
    """Return what the period brings, for somebody who has made nothing yet."""
    parts = [
        _of(limit, getattr(period, f"{limit}_limit"))
        for limit in LIMITS
        if getattr(period, f"{limit}_limit") is not None
    ]
    held = f"includes {join(parts)} a month" if parts else "has no limit"
    return f"Your plan, {period.subscription.plan.name}, {held}."


def _suggestion(quote: Quote) -> Suggestion:
    model = quote.spec.model
    chosen = [parameter for parameter in model.parameters if parameter.choices]
    values = [_label(parameter, quote.spec.parameters[parameter.name]) for parameter in chosen]
    value = " ".join([f"model={model.id}", *(f"{p.name}={quote.spec.parameters[p.name]}" for p in chosen)])
    return Suggestion(label=f"{', '.join([model.title, *values])}: {dollars(quote.amount.spend)} fits", value=value)


def _label(parameter: Parameter, choice: object) -> str:
    return f"{choice} s" if parameter.name == "duration" else str(choice)


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


def _obstacle(quote: Quote) -> str:
    """Return what stands in the way."""
    period, limit = quote.period, quote.violated or ""
    rest, whole = period.left(limit) or 0, getattr(period, f"{limit}_limit")
    renewal = day(period.ends_at)
    if limit == "videos":
        if not whole:
            return "Your plan has no videos."
        used = f"All {whole:,} videos of this period are" if whole > 1 else "The one video of this period is"
        return f"{used} used. {renewal} brings {_next(period, limit)}."
    return f"{_of(limit, getattr(quote.amount, limit))} needed, {_of(limit, rest)} left until {renewal}."


def _next(period: Period, limit: str) -> str:
    """Return what the next period brings: the plan's limit then, which may be another than today's."""
    value = getattr(period.subscription.plan, f"{limit}_limit")
    return "as many as you like" if value is None else f"{value:,} more"
