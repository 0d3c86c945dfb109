"""What one chooses in the composer: the cards of the models, and the fields of the one that is chosen."""

from dataclasses import dataclass

from django.conf import settings

from generation.catalog import Kind, Parameter, Size, VideoModel
from generation.templatetags.clapboard import dollars
from generation.web.forms import FAMILIES, WishForm
from generation.web.offers import PriceList
from generation.web.sources import Source
from generation.web.wording import span

_FRAME = 28  # pixels of the square in which a picture's shape is drawn
_MOST_SHOWN = 30  # characters of a value in the summary of what is folded away


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A picture's ratio, drawn into a square of _FRAME pixels."""

    width: int
    height: int

    @classmethod
    def of(cls, size: Size) -> "Shape":
        """Return the shape of a size."""
        longest = max(size.width, size.height)
        inner = _FRAME - 2
        return cls(width=round(size.width * inner / longest), height=round(size.height * inner / longest))

    @property
    def x(self) -> float:
        """Its left edge."""
        return (_FRAME - self.width) / 2

    @property
    def y(self) -> float:
        """Its top edge."""
        return (_FRAME - self.height) / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One value that may be chosen. `cost` in micro-dollars where the choice decides it."""

    value: str
    label: str
    checked: bool
    cost: int | None = None
    shape: Shape | None = None


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

    @property
    def is_number(self) -> bool:
        """Whether it takes a number."""
        return self.parameter.kind in {Kind.INTEGER, Kind.NUMBER}

    @property
    def differs(self) -> bool:
        """Whether it holds something else than what holds anyway."""
        return self.value not in {"", str(self.parameter.default)}

    @property
    def said(self) -> str:
        """What it holds, for the summary of what is folded away."""
        return f"{self.parameter.label}: {self.value[:_MOST_SHOWN]}{'…' if len(self.value) > _MOST_SHOWN else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A family of models to choose: what it can, for how much, in what time, and why it can't be chosen."""

    model: VideoModel
    checked: bool
    in_plan: bool
    closed: str | None
    price: str
    usual: str

    @property
    def is_off(self) -> bool:
        """Whether it can't be chosen."""
        return not self.in_plan or bool(self.closed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The fields of the chosen model: those in sight, a part of the source, and "More options"."""

    plain: list[Field]
    part: list[Field]
    more: list[Field]
    charge: str

    @property
    def summary(self) -> str:
        """What is folded away and differs from what holds anyway."""
        return ", ".join(field.said for field in self.more if field.differs)

    @property
    def is_open(self) -> bool:
        """Whether something in it must be seen."""
        return any(field.error for field in self.more)


def fields(form: WishForm, prices: PriceList) -> Fields:
    """Return the fields of the chosen model but for prompt and file, each option with its price."""
    shown = [p for p in form.model.parameters if p.name != "prompt" and not p.kind.is_media]
    found = [
        Field(
            parameter=parameter,
            value=form.chosen(parameter),
            options=_options(form, parameter, prices),
            error=form.complaint(parameter.name),
        )
        for parameter in shown
    ]
    return Fields(
        plain=[field for field in found if not (field.parameter.is_more or field.parameter.stands_in_prompt)],
        part=[field for field in found if field.parameter.stands_in_prompt],
        more=[field for field in found if field.parameter.is_more],
        charge=_charge(form, prices, prices.source),
    )


def model_cards(form: WishForm, prices: PriceList) -> list[ModelCard]:
    """Return a card for each family of the catalogue."""
    cards = []
    for family in FAMILIES:
        model = form.of_family(family)
        seconds = settings.SANDBOX_SECONDS if settings.SANDBOX else model.usual_seconds
        card = ModelCard(
            model=family,
            checked=family is form.family,
            in_plan=prices.includes(model),
            closed=prices.closed.model(model.id),
            price=prices.per_second(model),
            usual=f"usually about {span(seconds)}",
        )
        cards.append(card)
    return cards


def _options(form: WishForm, parameter: Parameter, prices: PriceList) -> tuple[Option, ...]:
    model = form.model
    offered = prices.choices(model, parameter)
    costs = {choice: prices.cost(model, {**form.wish, parameter.name: choice}) for choice in offered}
    decides = len(set(costs.values())) > 1
    chosen = form.chosen(parameter)
    sizes = {size.value: size for size in model.sizes} if parameter.name == model.size_parameter else {}
    return tuple(
        Option(
            value=str(choice),
            label=parameter.label_of(choice),
            checked=str(choice) == chosen,
            cost=costs[choice] if decides else None,
            shape=Shape.of(sizes[str(choice)]) if choice in sizes else None,
        )
        for choice in offered
    )


def _charge(form: WishForm, prices: PriceList, source: Source | None) -> str:
    """Return how long a video becomes that is as long as its source, and that all of it is charged."""
    if form.model.has("duration") or source is None:
        return ""
    cost = prices.cost(form.model, form.wish)
    charged = f" The whole length is charged: {dollars(cost)}." if cost is not None else ""
    return f"As long as the source: {source.media.seconds:.1f} s.{charged}"
