"""One poller a page: which of its cards have changed since they were drawn.

What a page shows travels with the question, a mark a card. So nothing has to be counted up in the database, and no
change can slip through between two answers.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from generation.web.cards import Card

_MOST = 48  # cards followed on one page: their marks must fit into an address
_MARK = re.compile(r"([0-9a-f]{32})\.([chp])\.([a-z]{1,20})\.([0-9a-f]{8})")


class Place(StrEnum):
    """How large a job is shown, which says what takes its card's place in the end."""

    CARD = "c"  # among others; a poster in the end
    HERO = "h"  # on the stage; the player in the end
    PAGE = "p"  # its own page, with all there is to know


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a page shows of a job."""

    job_id: UUID
    place: Place
    stage: str
    look: str

    @classmethod
    def of(cls, card: Card, place: Place) -> "Mark":
        """Return the mark of a card as it is now."""
        return cls(job_id=card.job.pk, place=place, stage=card.stage, look=card.look)

    def __str__(self) -> str:
        return f"{self.job_id.hex}.{self.place}.{self.stage}.{self.look}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulse:
    """The poller as it is drawn: what it has seen, and when it asks again. Nothing under way, nothing asked."""

    seen: str
    milliseconds: int

    @property
    def is_beating(self) -> bool:
        """Whether there is anything to wait for."""
        return bool(self.seen)


def pulse_of(cards: Iterable[tuple[Card, Place]]) -> Pulse:
    """Return the poller for these cards."""
    waiting = [(card, place) for card, place in cards if card.is_under_way][:_MOST]
    seen = "~".join(str(Mark.of(card, place)) for card, place in waiting)
    pace = min((card.pace for card, _ in waiting), default=0.0)
    return Pulse(seen=seen, milliseconds=int(pace * 1000 * _jitter(seen)))


def marks(seen: str) -> list[Mark]:
    """Read what a page says that it shows; what is no mark is passed over."""
    found = [_MARK.fullmatch(part) for part in seen.split("~")[:_MOST]]
    return [
        Mark(job_id=UUID(match[1]), place=Place(match[2]), stage=match[3], look=match[4]) for match in found if match
    ]


def _jitter(seen: str) -> float:
    """Return 0.9 to 1.1, so that pages opened together don't ask together."""
    return 0.9 + 0.2 * (sum(seen.encode()) % 100) / 100
