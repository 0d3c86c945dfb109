"""How many requests a user may make."""

import threading
from typing import Any, ClassVar

from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import UserRateThrottle

_TOLD_EVERY = 1.0  # seconds


class UserRate(UserRateThrottle):
    """API_RATE: so many requests of one user in each full minute, hour or day.

    A process counts by itself and tells the others through the cache once a second, since to read and write the cache
    takes as long as to answer. What several processes let in within a second may exceed the rate; no money rests on it.
    """

    num_requests: int  # in so many seconds:
    duration: int

    _counts: ClassVar[dict[str, "_Count"]] = {}
    _lock: ClassVar[threading.Lock] = threading.Lock()

    def allow_request(self, request: Request, view: Any) -> bool:
        """Say whether one more fits, and count it."""
        key = self.get_cache_key(request, view)
        if self.rate is None or key is None:
            return True
        self.now = self.timer()
        window, tells = int(self.now // self.duration), 0
        with self._lock:
            count = self._counts.get(key)
            if count is None or count.window != window:
                if len(self._counts) > _MOST:
                    self._counts.clear()
                count = self._counts[key] = _Count(window)
            if count.everybodys + count.own >= self.num_requests:
                return False
            count.own += 1
            if self.now - count.told_at >= _TOLD_EVERY:
                count.told_at, tells = self.now, count.own
        if tells:
            count.tell(f"{key}_{window}", tells, 2 * self.duration, self._lock)
        return True

    def wait(self) -> float:
        """Return the seconds until the next minute, hour or day begins."""
        return float(self.duration - self.now % self.duration)


_MOST = 10_000  # users that a process remembers


class _Count:
    """What one user has asked for in one window: of this process since it last told, and of everybody before that."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.own = self.everybodys = 0
        self.told_at = 0.0

    def tell(self, key: str, number: int, seconds: int, lock: Any) -> None:
        """Add what this process has counted to what all have, and learn of theirs."""
        passing = caches["passing"]  # not where the limits of sign-ups are, which these would push out
        passing.add(key, 0, seconds)
        try:
            everybodys = passing.incr(key, number)
        except ValueError:  # it was evicted just now
            return
        with lock:
            self.own, self.everybodys = self.own - number, everybodys
