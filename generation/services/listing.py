"""What the provider lists of a time, however much it is: whole, or not at all."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from math import inf
from time import monotonic

from generation.providers.errors import Unavailable
from generation.providers.predictions import Prediction
from generation.providers.wavespeed import WaveSpeed

LISTED_FOR = timedelta(days=7, minutes=-10)  # what is older is not to be had; with a margin for clocks
_PAGE = 100  # predictions, as many as the provider gives at once
_PAGES = 20  # of one list; what holds more is asked for in halves
_SHORTEST = timedelta(seconds=2)  # the provider is asked by whole seconds


class OutOfTime(Unavailable):
    """There was no time to read the list to its end."""


def slices(
    provider: WaveSpeed, *, since: datetime, until: datetime, model: str | None = None, stop_at: float = inf
) -> Iterator[list[Prediction]]:
    """Yield all predictions of a time, a part of them at once; those on an edge may come twice.

    Raises ProviderError; Unavailable as well where a list has no end, since what is cut might be the second candidate,
    and OutOfTime behind `stop_at`, a moment of the monotonic clock.
    """
    found: dict[str, Prediction] = {}  # one that turns up on two pages, since the list moved, counts once
    for page in range(1, _PAGES + 1):
        if monotonic() > stop_at:
            raise OutOfTime("There was no time to read WaveSpeed's list to its end.")
        here = provider.predictions(page=page, page_size=_PAGE, model=model, created_after=since, created_before=until)
        found |= {prediction.id: prediction for prediction in here}
        if len(here) < _PAGE:
            yield list(found.values())
            return
    if until - since <= _SHORTEST:
        raise Unavailable(f"WaveSpeed lists more than {_PAGES * _PAGE} predictions of {until - since}.")
    middle = since + (until - since) / 2
    yield from slices(provider, since=since, until=middle, model=model, stop_at=stop_at)
    yield from slices(provider, since=middle, until=until, model=model, stop_at=stop_at)


def listed(
    provider: WaveSpeed, *, since: datetime, until: datetime, model: str, stop_at: float = inf
) -> list[Prediction]:
    """Return all predictions of a model and a time, each once. Raises as `slices` does."""
    parts = slices(provider, since=since, until=until, model=model, stop_at=stop_at)
    return list({prediction.id: prediction for part in parts for prediction in part}.values())
