"""What the watcher does beside following: it dispatches, sweeps, beats and hands over what workers do now and then.

Each step is spared the others' failures.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from os import getppid
from socket import gethostname
from time import monotonic

from billing import services as billing
from generation import clock, heart, services
from generation.models import Job, Status
from generation.notices import hand_notices
from generation.pacing import Budget
from generation.services import errands
from generation.services.daily import ensure_chores, hand_chores
from generation.services.sparing import spare

_SWEEP_EVERY = timedelta(seconds=1)
_BEAT_EVERY = timedelta(seconds=5)
_BALANCE_EVERY = timedelta(minutes=3)
_TELL_EVERY = timedelta(seconds=10)
_TIDY_EVERY = timedelta(minutes=5)
_AT_A_TIME = 1.0  # seconds of repairing


class Rounds:
    """What is done each time around, and what only now and then."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        # One of many, on this machine or another, and the same when its parent has started it anew: who dies again and
        # again leaves no rows that take their share. What tells hosts apart often stands at the end of their names.
        self._name = f"{gethostname()[-48:]} {getppid()}"
        self._sweep = services.Sweep()
        # First what others wait for; what may last comes behind it, and takes about a second of a turn.
        self._steps: dict[Callable[[datetime], None], tuple[str, timedelta]] = {
            self._share: ("share the budget", _BEAT_EVERY),
            heart.beat: ("beat", _BEAT_EVERY),
            _dispatch: ("dispatch", timedelta()),
            self._sweep_some: ("sweep", _SWEEP_EVERY),
            _end_grants: ("end grants", _SWEEP_EVERY),
            _ask_for_balance: ("ask for the balance", _BALANCE_EVERY),
            _tell: ("hand over what workers do", _TELL_EVERY),
            _tidy: ("tidy up", _TIDY_EVERY),
        }
        self.done_at: dict[Callable[[datetime], None], datetime] = {}

    def turn(self) -> None:
        """Do what is due."""
        began_at, began = clock.now(), monotonic()
        for step in self._steps:
            # A step may last. Who is silent for long is forgotten by those who share the budget, and asks on.
            for each in (self._share, heart.beat, step):
                self._do(each, began_at + timedelta(seconds=monotonic() - began))

    def leave(self) -> None:
        """Be no sharer any more."""
        spare("leave", partial(heart.leave, self._name))

    def _do(self, step: Callable[[datetime], None], now: datetime) -> None:
        name, every = self._steps[step]
        if abs(now - self.done_at.get(step, datetime.min.replace(tzinfo=now.tzinfo))) >= every:
            self.done_at[step] = now
            spare(name, partial(step, now))

    def _share(self, now: datetime) -> None:
        self._budget.sharers = heart.present(self._name, now)

    def _sweep_some(self, now: datetime) -> None:
        self._sweep.turn(seconds=_AT_A_TIME)


def _dispatch(now: datetime) -> None:
    services.dispatch()


def _end_grants(now: datetime) -> None:
    until = monotonic() + _AT_A_TIME
    for period in billing.with_grants_over(now):
        spare("end a grant", partial(billing.expire_grants, period, now), of=f"period {period.pk}")
        if monotonic() >= until:
            return  # the others are another turn's; of which that was not done is not waited for again at once


def _ask_for_balance(now: datetime) -> None:
    errands.hand("heed_balance")


def _tell(now: datetime) -> None:
    hand_notices(now)
    hand_chores(now)
    if Job.objects.under_way().filter(status=Status.UNKNOWN, due_at__lte=now).exists():
        errands.hand("look_for_unknown")


def _tidy(now: datetime) -> None:
    errands.hand("remove_what_is_left")  # a storage that is away must not hold up the watcher
    ensure_chores(now)
