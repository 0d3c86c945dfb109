"""From the arguments of a call to a Call: checked as far as that goes without the database."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from os import PathLike
from typing import IO
from uuid import UUID

from billing.money import MICROS, MOST, micros
from generation.calls.errors import InvalidInput
from generation.catalog import Operation, UnknownModel, VideoModel, models_named
from generation.spec import Complaint, shown

PROVIDER = "wavespeed"
FORMS = "a path, bytes, an open binary file, or the id of an upload"

File = str | PathLike[str] | bytes | IO[bytes]
_FILES = ("image", "video")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Who asks for what. `wish` is what spec_of takes, without `files`: what is still to be uploaded, by parameter.

    `max_cost` in micro-dollars; `by` says through which door, for the job's history.
    """

    user_id: object
    wish: Mapping[str, object]
    files: Mapping[str, object]
    max_cost: int | None
    by: str


def asked(
    wish: Mapping[str, object],
    *,
    user_id: object,
    by: str,
    provider: object = PROVIDER,
    operation: object = None,
    max_cost: object = None,
) -> Call:
    """Check and sort the arguments of a call; InvalidInput names each field that is wrong.

    Takes media also as path, bytes or open file, and `source` as another word for `video`. What is None is not said.
    Without an `operation` the name of the model decides, as in the API.
    """
    said = {name: value for name, value in wish.items() if value is not None}
    complaints = _wrong_provider(provider) + _twice(said)
    if "source" in said:
        said["video"] = said.pop("source")
    if operation is not None:
        complaints += _choose_twin(said, operation)
    most = _max_cost(max_cost)
    if isinstance(most, Complaint):
        complaints.append(most)
    if complaints or isinstance(most, Complaint):
        raise InvalidInput(complaints)
    files = {name: said.pop(name) for name in _FILES if name in said and not is_id(said[name])}
    return Call(user_id=user_id, wish=said, files=files, max_cost=most, by=by)


def is_id(value: object) -> bool:
    """Say whether it is an id, or text that reads as one: 36 characters with hyphens. All other text is a path."""
    if isinstance(value, UUID):
        return True
    try:
        return isinstance(value, str) and str(UUID(value)) == value.lower()
    except ValueError:
        return False


def _wrong_provider(provider: object) -> list[Complaint]:
    if provider == PROVIDER:
        return []
    return [Complaint(field="provider", message=f'{shown(provider)} is not a provider we have; allowed: "{PROVIDER}".')]


def _twice(said: Mapping[str, object]) -> list[Complaint]:
    if not {"video", "source"} <= said.keys():
        return []
    return [Complaint(field="source", message="This is another word for video; give one of them, not both.")]


def _choose_twin(said: dict[str, object], operation: object) -> list[Complaint]:
    """Write the full id of the model that does this into the wish, or return what does not agree."""
    if operation not in tuple(Operation):
        message = f"{shown(operation)} is not known; allowed: {', '.join(Operation)}."
        return [Complaint(field="operation_type", message=message)]
    try:
        family = models_named(str(said.get("model")))
    except UnknownModel:
        return []  # the spec says so, in the same words for every door
    fitting = next((model for model in family if model.operation == operation), None)
    if fitting is None:
        offered = ", ".join(model.operation for model in family)
        message = f"{shown(operation)} is not what {said['model']} does; allowed: {offered}."
        return [Complaint(field="operation_type", message=message)]
    said["model"] = fitting.id
    return _wrong_media(said, fitting)


def _wrong_media(said: Mapping[str, object], model: VideoModel) -> list[Complaint]:
    needed = model.media.name if model.media else None
    given = {field: "video" if field == "source_job" else field for field in (*_FILES, "source_job") if field in said}
    complaints = [
        Complaint(field=field, message=f'operation_type "{model.operation}" takes no {kind}; {_instead(kind)}.')
        for field, kind in given.items()
        if kind != needed
    ]
    if needed and needed not in given.values():
        more = ", or a job's in source_job" if needed == "video" else ""
        message = f'This is required for operation_type "{model.operation}": {FORMS}{more}.'
        complaints.append(Complaint(field=needed, message=message))
    return complaints


def _instead(kind: str) -> str:
    takes = Operation.IMAGE_TO_VIDEO if kind == "image" else Operation.VIDEO_TO_VIDEO
    return f'"{takes}" does'


def _max_cost(value: object) -> int | Complaint | None:
    """Return dollars as micro-dollars; of what is finer the lower one, since no cost lies between two."""
    if value is None:
        return None
    amount = 0
    if isinstance(value, str) and re.fullmatch(r"\d{1,9}(\.\d{1,6})?", value, re.ASCII):
        amount = micros(value)
    elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(str(value))
        amount = int(number * MICROS) if number.is_finite() and 0 < number < MOST else 0
    if amount > 0:
        return amount
    return Complaint(
        field="max_cost", message=f'{shown(value)} is no amount; allowed: dollars above 0, such as Decimal("0.36").'
    )
