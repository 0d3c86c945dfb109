"""What may be said of an output: what was measured of it, or why it was not kept."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was measured of a file: pixels and seconds."""

    width: int
    height: int
    duration: float
    has_audio: bool


class Interrupted(Exception):
    """The download was cut or refused for now; it may be tried again."""


class OutputGone(Exception):
    """The provider no longer has the output."""


class NotAVideo(Exception):
    """What arrived is no video that can be shown, or its address is none that we may ask."""
