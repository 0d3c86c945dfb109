"""One prediction, and how the provider shows it."""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from .faults import Fault
from .schemas import Model

_NANOSECONDS = 1_000_000_000
RUNNING = frozenset({"created", "processing"})


class Status(StrEnum):
    """The provider's statuses."""

    CREATED = "created"
    PROCESSING = "processing"
    # The final ones.
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    DELETED = "deleted"


@dataclass(slots=True, kw_only=True)
class Prediction:
    """One prediction; prices are micro-dollars, moments nanoseconds since 1970."""

    id: str
    model: Model
    inputs: dict[str, Any]
    # Where the sandbox was reached, such as http://127.0.0.1:8765: its addresses start so.
    origin: str
    faults: tuple[Fault, ...]
    webhook: str | None
    # What it was expected to cost when it was accepted, and what it does cost; they differ for a retake alone.
    price: int
    cost: int
    # How long it takes, from its creation; time goes on while the sandbox is down, as it would at the provider.
    seconds: float
    created: int = field(default_factory=time.time_ns)
    status: Status = Status.CREATED
    # Deleting hides a prediction but stops nothing.
    hidden: bool = False
    outputs: list[Any] = field(default_factory=list)
    error: str = ""
    code: int | None = None
    unsafe: bool = False
    milliseconds: int = 0
    ended: int | None = None
    charged: int | None = None
    polls: int = 0
    # Set to end it at once, whatever time it has left.
    hurry: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def created_at(self) -> datetime:
        """Return the moment of its creation, to the microsecond; a float of seconds would not be exact."""
        seconds, rest = divmod(self.created, _NANOSECONDS)
        return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=rest // 1000)

    @property
    def age(self) -> float:
        """Return the seconds since its creation; a clock that was set back makes nothing younger than new."""
        return max(0.0, (time.time_ns() - self.created) / _NANOSECONDS)

    def accepted(self) -> dict[str, Any]:
        """Show it as the answer to its submission."""
        return {
            "id": self.id,
            "model": self.model.id,
            "status": Status.CREATED.value,
            "urls": self._urls(),
            "outputs": [],
            "has_nsfw_contents": None,
            "created_at": stamp(self.created),
            "error": "",
        }

    def shown(self) -> dict[str, Any]:
        """Show it as it stands."""
        done = self.status is Status.COMPLETED and not self.hidden
        data: dict[str, Any] = {
            "id": self.id,
            "model": self.model.id,
            "outputs": self.outputs if done else [],
            "urls": self._urls(),
            "has_nsfw_contents": [self.unsafe] if done or self.unsafe else None,
            "status": (Status.DELETED if self.hidden else self.status).value,
            "created_at": stamp(self.created),
            "error": self.error,
            "executionTime": self.milliseconds,
            "timings": {"inference": self.milliseconds},
        }
        if self.code is not None:
            data["code"] = self.code
        return data

    def listed(self) -> dict[str, Any]:
        """Show it with its inputs."""
        return {**self.shown(), "inputs": self.inputs}

    def _urls(self) -> dict[str, str]:
        return {"get": f"{self.origin}/api/v3/predictions/{self.id}/result"}


def stamp(nanoseconds: int) -> str:
    """Write a moment as the provider does, nanoseconds and all."""
    seconds, rest = divmod(nanoseconds, _NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
