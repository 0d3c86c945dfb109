"""Which jobs and which predictions fit each other by wish and time, without comparing each with each.

An outage may leave thousands of both, often of one prompt. So they are put together by what the predictions tell of
the wish, and within that are found by time. Whose prediction is whose by our rows is not known here: see fitting.py,
whose `misfit` says of one pair what this says of all.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeAlias, TypeVar
from uuid import UUID

from generation.models import Job, Status
from generation.providers.predictions import Prediction

BEFORE = timedelta(seconds=30)  # clocks differ
AFTER = timedelta(minutes=5)  # after the fence: the whole POST, and clocks that differ
DRAWN = -1  # a seed that the provider draws: it may tell which

_AS_IT_IS, _AS_TEXT, _AS_A_VALUE = "as it is", "as text", "as a value"
# What is told: the name of each parameter that anybody wished, and whether it is told as text.
_Tale: TypeAlias = tuple[tuple[str, bool], ...]
# How a tale is compared with a wish: each parameter that both have, and as what.
_Reading: TypeAlias = tuple[tuple[str, str], ...]
_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A job that has crossed the fence, when it did, and what it has sent."""

    job: Job
    at: datetime
    wish: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A prediction, and when it was created."""

    prediction: Prediction
    at: datetime


class _ByTime(Generic[_Item]):
    """Things that were added in the order of their times."""

    def __init__(self) -> None:
        self._times: list[datetime] = []
        self._items: list[_Item] = []

    def add(self, at: datetime, item: _Item) -> None:
        self._times.append(at)
        self._items.append(item)

    def number(self, since: datetime, until: datetime) -> int:
        return bisect_right(self._times, until) - bisect_left(self._times, since)

    def within(self, since: datetime, until: datetime) -> Iterator[_Item]:
        for place in range(bisect_left(self._times, since), bisect_right(self._times, until)):
            yield self._items[place]


@dataclass(frozen=True, slots=True)
class _Alike:
    """Jobs of one wish, as far as it is told, and the predictions that tell it."""

    jobs: _ByTime[Job] = field(default_factory=_ByTime)
    being_sent: _ByTime[Job] = field(default_factory=_ByTime)
    predictions: _ByTime[Prediction] = field(default_factory=_ByTime)


class Matches:
    """What fits what, of one model: put together once, then looked up for each job or prediction."""

    def __init__(self, sent: Iterable[Sent], made: Iterable[Made]) -> None:
        """Put them together. All tales that there are have few shapes, and so have all wishes."""
        self._of_job: dict[UUID, list[_Alike]] = defaultdict(list)
        self._of_prediction: dict[str, list[_Alike]] = defaultdict(list)
        jobs = sorted(sent, key=lambda each: each.at)
        wished = {name for each in jobs for name in each.wish}
        tales: dict[_Tale, list[Made]] = defaultdict(list)
        for each in sorted(made, key=lambda each: each.at):
            told = each.prediction.inputs or {}
            tales[tuple((name, isinstance(told[name], str)) for name in sorted(wished & told.keys()))].append(each)
        for tale, telling in tales.items():
            self._put_together(tale, jobs, telling)

    def predictions_of(self, job: Sent) -> Iterator[Prediction]:
        """Give the predictions that may be the job's."""
        for alike in self._of_job.get(job.job.pk, ()):
            yield from alike.predictions.within(job.at - BEFORE, job.at + AFTER)

    def jobs_of(self, made: Made) -> Iterator[Job]:
        """Give the jobs whose prediction it may be."""
        for alike in self._of_prediction.get(made.prediction.id, ()):
            yield from alike.jobs.within(made.at - AFTER, made.at + BEFORE)

    def number_of_jobs(self, made: Made) -> int:
        """Count the jobs whose prediction it may be."""
        groups = self._of_prediction.get(made.prediction.id, ())
        return sum(alike.jobs.number(made.at - AFTER, made.at + BEFORE) for alike in groups)

    def number_being_sent(self, made: Made) -> int:
        """Count those of them whose POST is still under way."""
        groups = self._of_prediction.get(made.prediction.id, ())
        return sum(alike.being_sent.number(made.at - AFTER, made.at + BEFORE) for alike in groups)

    def _put_together(self, tale: _Tale, jobs: Iterable[Sent], telling: Iterable[Made]) -> None:
        groups: dict[_Reading, dict[tuple[Hashable, ...], _Alike]] = defaultdict(dict)
        for each in jobs:
            reading = _reading(each.wish, tale)
            if reading is None:
                continue
            alike = groups[reading].setdefault(_read(each.wish, reading), _Alike())
            alike.jobs.add(each.at, each.job)
            if each.job.status == Status.SUBMITTING:
                alike.being_sent.add(each.at, each.job)
            self._of_job[each.job.pk].append(alike)
        for one in telling:
            for reading, wishes in groups.items():
                if same := wishes.get(_read(one.prediction.inputs or {}, reading)):
                    same.predictions.add(one.at, one.prediction)
                    self._of_prediction[one.prediction.id].append(same)


def _reading(wish: Mapping[str, object], tale: _Tale) -> _Reading | None:
    """Say what of a tale to compare with a wish, and how; None where it can't be the same."""
    reading = []
    for name, is_text in tale:
        if name not in wish or wish[name] == DRAWN:
            continue
        if isinstance(wish[name], str):
            if not is_text:
                return None
            reading.append((name, _AS_IT_IS))
        else:
            reading.append((name, _AS_TEXT if is_text else _AS_A_VALUE))
    return tuple(reading)


def _read(values: Mapping[str, object], reading: _Reading) -> tuple[Hashable, ...]:
    """Return what is to be the same."""
    return tuple(str(values[name]).casefold() if how == _AS_TEXT else _hashable(values[name]) for name, how in reading)


def _hashable(value: object) -> Hashable:
    try:
        hash(value)
    except TypeError:
        return object()  # a list or a mapping is told: no wish has one
    return value
