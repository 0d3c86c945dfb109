"""Whose job goes to the provider next. Pure: rows come in, an order goes out.

The rule, in this order:

1. Nobody has more in flight than the plan's jobs at a time.
2. Next is the user with the least load: what is in flight, divided by the plan's priority. With nothing in flight it
   is 0 for everybody: no priority and no queue of 500 stands before another user's first.
3. Where loads are alike, next is whose last turn is longest ago, times the priority; who never had one comes first. So
   users take turns also at a Gate of one place, and a newcomer does not wait behind a queue that is older.
4. Of a user, the oldest job.

Nobody starves: a user with nothing in flight waits for one turn of each user of a plan with the same priority, and for
no more turns of another than the two priorities' ratio. Priorities end at 10, so that is bounded, too.
"""

import heapq
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import inf

from generation.models import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a user already has, and what the plan gives."""

    in_flight: int
    places: int
    priority: int
    served_at: datetime | None  # the last turn

    def load(self, taken: int) -> float:
        """Return the load with `taken` more in flight."""
        return (self.in_flight + taken) / self.priority

    def waited(self, taken: int, now: datetime) -> float:
        """Return the weighted seconds since the last turn; who was chosen just now has not waited."""
        if taken:
            return 0.0
        return (now - self.served_at).total_seconds() * self.priority if self.served_at else inf


def in_turn(
    waiting: Mapping[int, deque[Job]], standings: Mapping[int, Standing], room: int, now: datetime
) -> list[Job]:
    """Return up to `room` jobs in the order of the rule. `waiting`: each user's jobs, the oldest first."""

    def place(user: int, taken: int) -> tuple[float, float, datetime, int, int]:
        standing, job = standings[user], waiting[user][taken]
        return standing.load(taken), -standing.waited(taken, now), job.created_at, user, taken

    line = [place(user, 0) for user, jobs in waiting.items() if jobs]
    heapq.heapify(line)
    chosen: list[Job] = []
    while line and len(chosen) < room:
        _, _, _, user, taken = heapq.heappop(line)
        if standings[user].in_flight + taken >= standings[user].places:
            continue
        chosen.append(waiting[user][taken])
        if taken + 1 < len(waiting[user]):
            heapq.heappush(line, place(user, taken + 1))
    return chosen
