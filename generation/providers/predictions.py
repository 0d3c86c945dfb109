"""WaveSpeed's view of one wished video, as its JSON tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The statuses WaveSpeed documents. A prediction may carry others: they mean "going on"."""

    CREATED = "created"  # accepted, waiting
    PROCESSING = "processing"
    COMPLETED = "completed"  # outputs are there, for 7 days
    FAILED = "failed"
    TIMEOUT = "timeout"  # the provider gave up, which is a failure like any other
    CANCELLED = "cancelled"  # by hand, at the provider; it may still bill
    DELETED = "deleted"  # likewise; deleting does not stop a run


ERROR_LIMIT = 2_000  # characters of the provider's words that we keep


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """One prediction at one moment. `created_at` is opaque text, `code` the reason of a failure where one is given."""

    id: str
    model: str
    status: str
    outputs: tuple[str, ...]
    error: str
    code: int | None
    has_nsfw: bool
    created_at: str
    inputs: Mapping[str, object] | None
    execution_ms: int | None

    @property
    def is_completed(self) -> bool:
        return self.status == Status.COMPLETED

    @property
    def is_failed(self) -> bool:
        return self.status in {Status.FAILED, Status.TIMEOUT}

    @property
    def is_canceled(self) -> bool:
        """Say whether somebody canceled or deleted it at the provider, who may bill it all the same."""
        return self.status in {Status.CANCELLED, Status.DELETED}

    @property
    def is_moderated(self) -> bool:
        return self.is_failed and (self.code == 1200 or self.has_nsfw)

    @property
    def is_known(self) -> bool:
        """Say whether its status is one that WaveSpeed documents."""
        return self.status in set(Status)

    @property
    def is_going_on(self) -> bool:
        return not (self.is_completed or self.is_failed or self.is_canceled)


def read_prediction(data: object) -> Prediction | None:
    """Read a prediction out of an envelope's `data`; None if it carries no id that we could ask for."""
    if not isinstance(data, dict) or not is_prediction_id(data.get("id")):
        return None
    inputs = data.get("inputs", data.get("input"))
    return Prediction(
        id=data["id"],
        model=_text(data.get("model")),
        status=_text(data.get("status")),
        outputs=_outputs(data.get("outputs")),
        error=read_words(data.get("error"))[:ERROR_LIMIT],
        code=read_failure_code(data),
        has_nsfw=_any_true(data.get("has_nsfw_contents")),
        created_at=_text(data.get("created_at")),
        inputs=inputs if isinstance(inputs, dict) else None,
        execution_ms=_milliseconds(data.get("executionTime")),
    )


# An id is opaque, but it goes into addresses: no slash, no percent sign, no leading dot.
_PREDICTION_ID = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.~:-]{0,63}", re.ASCII)


def is_prediction_id(value: object) -> bool:
    """Say whether this may be a prediction's id: 1 to 64 characters that are safe in an address."""
    return isinstance(value, str) and _PREDICTION_ID.fullmatch(value) is not None


def read_code(value: object) -> int | None:
    """Read a code that may be a number or its digits; None for everything else."""
    if isinstance(value, str) and value.isascii() and value.strip().isdigit() and len(value) <= 9:
        return int(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e9:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e9 else None


def read_failure_code(data: Mapping[str, object]) -> int | None:
    """Read why a prediction failed, which stands beside its error or inside."""
    error = data.get("error")
    code = read_code(data.get("code"))
    return read_code(error.get("code")) if code is None and isinstance(error, dict) else code


def read_words(error: object) -> str:
    """Read the provider's words out of an error, which may be null, text, or an object with text in it."""
    if isinstance(error, dict):
        named = (error.get(name) for name in ("message", "error", "detail", "msg"))
        error = next((words for words in named if isinstance(words, str) and words), error)
    if not error:
        return ""
    words = error if isinstance(error, str) else json.dumps(error, ensure_ascii=False)
    return " ".join(_storable(words).split())


def _text(value: object) -> str:
    return _storable(value) if isinstance(value, str) else ""


def _storable(text: str) -> str:
    # JSON may spell half a surrogate pair or a NUL, and no database takes those.
    return text.encode(errors="replace").decode().replace("\0", "")


def _outputs(value: object) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    addresses = (item.get("url") if isinstance(item, dict) else item for item in items)
    return tuple(text for text in map(_text, addresses) if text)


def _any_true(value: object) -> bool:
    return value is True or (isinstance(value, list) and any(item is True for item in value))


def _milliseconds(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if 0 <= value < 1e12 else None
