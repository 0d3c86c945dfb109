"""How long the watcher waits before it asks about a prediction again. Pure arithmetic: seconds in, seconds out.

Sparse before the usual time of the model, dense around it, sparser the farther behind. A prediction that takes 60 s, as
expected, is asked about six or seven times, and its end is noticed within half a second, more often than not. Where the
expectation is wrong by a tenth, the median is a second and one in twenty waits five. Where there is none, each wait is
a sixth of the age. A webhook tells of the end by itself: then all this is a safety net.
"""

import random
from dataclasses import dataclass

_EARLY = 0.2  # of the usual time: the first look, for what fails at once
_NEARER = 2 / 3  # of what is left to the usual time
_BEHIND = 1 / 3  # of what has passed since
_UNEXPECTED = 1 / 6  # of the age, where nobody knows how long it takes
_GRAIN = 1 / 100  # of the usual time: nobody who waits minutes minds a second
_LONGEST = 60.0
_LATE, _LONGEST_LATE = 30.0, 600.0
_OLDER = 1 / 20  # of the age of a late one
_NET = 1.25  # times the usual time: by then the webhook has not come
_NET_GRAIN = 20  # times the densest interval
_AFTER_HOOK = 0.5  # seconds; each wait is then about twice the one before
_JITTER = 0.1
_LONGEST_PAUSE = 60.0  # where the provider names none
_LONGEST_WISH = 600.0


def wait(age: float, expected: float, *, densest: float) -> float:
    """Return how long to wait with a prediction of this age whose model usually takes `expected` s, 0: unknown."""
    if expected <= 0:
        return min(max(age * _UNEXPECTED, densest), _LONGEST)
    left = expected - age
    if left < 0:
        step = -left * _BEHIND
    elif age < expected * _EARLY / 2:
        step = expected * _EARLY
    else:
        step = left * _NEARER
    return min(max(step, densest, expected * _GRAIN), _LONGEST)


def wait_for_hook(age: float, expected: float, *, densest: float) -> float:
    """Return how long to wait where a webhook will tell of the end: only for the case that it gets lost."""
    net = expected * _NET - age if age < expected else age * _UNEXPECTED
    return min(max(net, densest * _NET_GRAIN), _LONGEST_LATE)


def wait_after_hook(since: float, wait: float) -> float:
    """Return how long to wait where a webhook came `since` s ago, and what it told of did not show yet.

    0.5 s, 1 s, 2 s and so on, up to the usual wait: it is not sent again.
    """
    return min(since + _AFTER_HOOK, wait)


def wait_for_late(age: float, wait: float) -> float:
    """Return how long to wait with a late one: slower and slower, but never for long."""
    return max(wait, min(max(age * _OLDER, _LATE), _LONGEST_LATE))


def wait_unanswered(wait: float, unanswered: int) -> float:
    """Return how long to wait after so many questions in a row without an answer: twice as long each time."""
    return max(min(wait * 2.0 ** min(unanswered, 10), _LONGEST), wait)


def jittered(wait: float, *, at_least: float = 0) -> float:
    """Return about as much, so that what began together does not ask together for ever; never less than was asked for.

    What the provider asks for (`Retry-After`) counts up to ten minutes.
    """
    about = wait * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret
    return max(about, min(at_least, _LONGEST_WISH) * random.uniform(1, 1 + _JITTER))  # noqa: S311


@dataclass(slots=True, kw_only=True)
class Budget:
    """How many questions may be asked now: so many a second, a second's worth at once. `now` is any steady clock.

    The rate is that of all who share it; each takes its part of it.
    """

    rate: float
    sharers: int = 1
    _saved: float = 0.0
    _at: float | None = None
    _paused_until: float = 0.0
    _refused: int = 0  # times in a row, each behind the pause before

    def left(self, now: float) -> int:
        """Return how many may be asked now."""
        if self._at is None:
            self._saved = self._most
        else:
            self._saved = min(self._saved + (now - self._at) * self._own, self._most)
        self._at = now
        return 0 if now < self._paused_until else int(self._saved)

    def take(self, number: int) -> None:
        """Count questions that are asked now."""
        self._saved -= number

    def pause(self, now: float, seconds: float) -> None:
        """Ask nothing for a while. A nonsensical wish is cut to ten minutes."""
        self._paused_until = max(self._paused_until, now + min(seconds, _LONGEST_WISH))

    def refused(self, now: float, seconds: float | None) -> None:
        """Pause, since the provider has said that it is too much: as long as it wishes, else longer each time.

        What was asked before a pause and is refused within it is the same refusal.
        """
        if now >= self._paused_until:
            self._refused += 1
            seconds = seconds or min(2.0 ** min(self._refused - 1, 10), _LONGEST_PAUSE)
        if seconds:
            self.pause(now, seconds)

    def answered(self, asked_at: float) -> None:
        """Count an answer to what was asked then: behind the last pause it says that all is well again."""
        if asked_at >= self._paused_until:
            self._refused = 0

    @property
    def _own(self) -> float:
        return self.rate / self.sharers

    @property
    def _most(self) -> float:
        return max(self._own, 1.0)
