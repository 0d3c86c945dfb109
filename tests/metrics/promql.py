"""As much of PromQL as the alarms need: what they ask for, and when it is so."""

import operator
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.metrics.reading import families

Vector = dict[frozenset[tuple[str, str]], float]
Scrape = dict[str, Vector]

EVERY = 15  # seconds between two scrapes
# `without` keeps `instance` and `job`.
SIDES = re.compile(r" (?:and|or) | (?:==|>=|<=|>|<) | \* ")
SIDE = re.compile(r"(?:(?P<reduce>sum|max) without \((?P<without>[\w, ]+)\) \((?P<inner>.+)\)|(?P<plain>.+))")
SERIES = re.compile(
    r'(?:(?P<over>avg|max)_over_time\()?(?P<name>\w+)(?:\{(?P<matchers>(?:\w+(?:=~|!~|!=|=)"[^"]*",?)+)\})?'
    r"(?(over)\[(?P<minutes>\d+)m\]\))"
)
MATCHER = re.compile(r'(\w+)(=~|!~|!=|=)"([^"]*)"')
_SIGNS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "==": operator.eq}
_COMPARED = re.compile(r" (==|>=|<=|>|<) ")
_REDUCE: dict[str, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A series, what is made of it over a time, and what an aggregation takes away from its labels."""

    name: str
    matchers: list[tuple[str, str, str]]
    over: str
    minutes: int
    reduce: str
    without: frozenset[str]

    def takes(self, labels: dict[str, str]) -> bool:
        return all(name in labels and _matches(labels[name], sign, value) for name, sign, value in self.matchers)

    def of(self, scrapes: Sequence[Scrape]) -> Vector:
        """Return its values now, which is when the last scrape was."""
        looked_at = scrapes[-self.minutes * 60 // EVERY :] if self.over else scrapes[-1:]
        found: dict[frozenset[tuple[str, str]], list[float]] = {}
        for scrape in looked_at:
            for labels, number in scrape.get(self.name, {}).items():
                if self.takes(dict(labels)):
                    found.setdefault(labels, []).append(number)
        if not self.reduce:
            return {labels: self._over(numbers) for labels, numbers in found.items()}
        groups: dict[frozenset[tuple[str, str]], list[float]] = {}
        for labels, numbers in found.items():
            left = frozenset(label for label in labels if label[0] not in self.without)
            groups.setdefault(left, []).append(self._over(numbers))
        return {labels: _REDUCE[self.reduce](numbers) for labels, numbers in groups.items()}

    def _over(self, numbers: list[float]) -> float:
        return max(numbers) if self.over == "max" else sum(numbers) / len(numbers)


def sides(expression: str) -> Iterator[Side]:
    """Yield all series that an expression names."""
    for text in SIDES.split(" ".join(expression.split())):
        if not re.fullmatch(r"[\d.]+", text):
            yield _side(text, expression)


def scraped() -> Scrape:
    """Return what is served now."""
    return {
        family.name: {frozenset(sample.labels.items()): sample.value for sample in family.samples}
        for family in families()
    }


def is_so(expression: str, scrapes: Sequence[Scrape]) -> bool:
    """Say whether an alarm's expression has a value at the last scrape."""
    return bool(_all_of(" ".join(expression.split()), scrapes))


def _all_of(text: str, scrapes: Sequence[Scrape]) -> Vector:
    found: Vector = {}
    for one in text.split(" or "):
        first, *others = (_compared(part, scrapes) for part in one.split(" and "))
        found |= {labels: number for labels, number in first.items() if all(labels in other for other in others)}
    return found


def _compared(text: str, scrapes: Sequence[Scrape]) -> Vector:
    left, sign, right = _COMPARED.split(text)
    numbers, others = _product(left, scrapes), _product(right, scrapes)
    assert not isinstance(numbers, float), text
    if isinstance(others, float):
        others = dict.fromkeys(numbers, others)
    holds = _SIGNS[sign]
    return {labels: one for labels, one in numbers.items() if labels in others and holds(one, others[labels])}


def _product(text: str, scrapes: Sequence[Scrape]) -> Vector | float:
    if re.fullmatch(r"[\d.]+", text):
        return float(text)
    *factor, series = text.split(" * ")
    return {
        labels: number * float(factor[0] if factor else 1) for labels, number in _side(series, text).of(scrapes).items()
    }


def _side(text: str, expression: str) -> Side:
    side = SIDE.fullmatch(text)
    series = SERIES.fullmatch(side["inner"] or side["plain"]) if side else None
    assert side, f"{text!r} of {expression!r} can't be read"
    assert series, f"{text!r} of {expression!r} can't be read"
    return Side(
        name=series["name"],
        matchers=MATCHER.findall(series["matchers"] or ""),
        over=series["over"] or "",
        minutes=int(series["minutes"] or 0),
        reduce=side["reduce"] or "",
        without=frozenset((side["without"] or "").split(", ")) - {""},
    )


def _matches(given: str, sign: str, value: str) -> bool:
    matches = bool(re.fullmatch(value, given)) if "~" in sign else given == value
    return matches is not sign.startswith("!")
