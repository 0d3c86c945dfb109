"""What may be said of an output that was not kept."""


class Interrupted(Exception):
    """The download was cut or refused for now; it may be tried again."""


class OutputGone(Exception):
    """The provider no longer has the output."""


class NotAVideo(Exception):
    """What arrived is no video that can be shown, or its address is none that we may ask."""
