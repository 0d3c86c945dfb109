"""Turn a prompt into a stored video. Python callers begin here: `from generation import ai_video_generate`."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from generation.calls.errors import (
        AddressNotVerified,
        Canceled,
        Deleted,
        EngineDown,
        Failed,
        InsufficientQuota,
        InvalidInput,
        JobError,
        ModelClosed,
        ModelNotInPlan,
        NoPrice,
        NotDelivered,
        PastDue,
        PriceChanged,
        Refused,
        ReviewNeeded,
        TimedOut,
        TooManyUploads,
        VideoError,
    )
    from generation.calls.python import ai_video_generate, get_wavespeed_text_to_video_service, resume_video

__all__ = [
    "AddressNotVerified",
    "Canceled",
    "Deleted",
    "EngineDown",
    "Failed",
    "InsufficientQuota",
    "InvalidInput",
    "JobError",
    "ModelClosed",
    "ModelNotInPlan",
    "NoPrice",
    "NotDelivered",
    "PastDue",
    "PriceChanged",
    "Refused",
    "ReviewNeeded",
    "TimedOut",
    "TooManyUploads",
    "VideoError",
    "ai_video_generate",
    "get_wavespeed_text_to_video_service",
    "resume_video",
]

if not TYPE_CHECKING:  # or every misspelled name would have a type

    def __getattr__(name: str) -> object:
        """Find what Python callers use when they ask for it: an import up here would meet an unready app registry."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = "errors" if name[0].isupper() else "python"
        return getattr(import_module(f"{__name__}.calls.{module}"), name)
