"""What was charged as a column a day, in percent of the chart; each model has a texture beside its colour."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.utils import timezone
from django.utils.formats import date_format

from billing.models import Period
from generation.templatetags.clapboard import dollars
from generation.web.usage.charged import Charged, Part
from generation.web.usage.periods import Chosen

_TONES = 6  # the last is for all other models together
_WIDE = 70  # percent of a day's place


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """What one model has of a column."""

    tone: int
    y: str
    height: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One day; `parts` in words, the same as `pieces`."""

    date: date
    spend: int
    x: str
    width: str
    parts: str
    pieces: tuple[Piece, ...]

    @property
    def title(self) -> str:
        """What the column stands for."""
        what = f" ({self.parts})" if self.parts else ""
        return f"{date_format(self.date, 'j F')}: {dollars(self.spend)}{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """A line of the legend."""

    tone: int
    name: str
    spend: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """The columns from the period's first day to its last."""

    columns: list[Column]
    legend: list[Sign]
    first: date
    last: date
    most: str


def chart(looked: Chosen, charged: Charged) -> Chart | None:
    """Return the chart; None where nothing was charged."""
    if not charged.days:
        return None
    first, last = _span(looked.period, charged)
    legend = _legend(charged.models)
    most = max(sum(of_day.values()) for of_day in charged.days.values())
    tones = {sign.name: sign.tone for sign in legend}
    # The whole period wide, even on its second day: columns that shrink from day to day could not be compared.
    places = (last - first).days + 1
    until = max(min(last, timezone.localtime(looked.now).date()), *charged.days)
    dates = [first + timedelta(days=number) for number in range((until - first).days + 1)]
    columns = [_column(on, charged.days.get(on, {}), tones, (number, places), most) for number, on in enumerate(dates)]
    return Chart(columns=columns, legend=legend, first=first, last=last, most=f"Most on one day: {dollars(most)}")


def _span(period: Period, charged: Charged) -> tuple[date, date]:
    """Return the first and the last day. What was held in a period may be charged when it is over."""
    last = timezone.localtime(period.ends_at - timedelta(microseconds=1)).date()
    return timezone.localtime(period.starts_at).date(), max(last, *charged.days)


def _legend(models: list[Part]) -> list[Sign]:
    """Return the models that something was charged for, the dearest first; those beyond the textures as one."""
    paid = [part for part in models if part.spent]
    own = paid if len(paid) <= _TONES else paid[: _TONES - 1]
    legend = [Sign(tone=number, name=part.name, spend=part.spent) for number, part in enumerate(own, 1)]
    if rest := sum(part.spent for part in paid[len(own) :]):
        legend.append(Sign(tone=_TONES, name="Other models", spend=rest))
    return legend


def _column(on: date, of_day: dict[str, int], tones: dict[str, int], place: tuple[int, int], most: int) -> Column:
    """Return the column of a day, the dearest model of the period at its foot."""
    number, places = place
    pieces, top = [], 0
    names = sorted(of_day, key=lambda name: (tones.get(name, _TONES), name))
    for name in names:
        top += of_day[name]
        y, height = 100 - top * 100 / most, of_day[name] * 100 / most
        pieces.append(Piece(tone=tones.get(name, _TONES), y=f"{y:.2f}%", height=f"{height:.2f}%"))
    return Column(
        date=on,
        spend=top,
        x=f"{number * 100 / places:.2f}%",
        width=f"{_WIDE / places:.2f}%",
        parts="; ".join(f"{name} {dollars(of_day[name])}" for name in names),
        pieces=tuple(pieces),
    )
