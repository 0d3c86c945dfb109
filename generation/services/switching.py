"""Models, values of parameters, or everything, closed for new jobs with a reason that users read."""

import json
from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from billing.services import Actor
from generation.catalog import Value
from generation.models import Switch
from generation.services.transitions import log
from generation.spec import Complaint, InvalidSpec, VideoSpec


class ModelClosed(Exception):
    """The model, or making videos at all, is closed for new jobs; the message says why."""

    code = "model_closed"

    def __init__(self, title: str, reason: str) -> None:
        super().__init__(f"{title} is closed just now: {reason}")
        self.reason = reason


class Closed:
    """What is closed at this moment; one query."""

    def __init__(self) -> None:
        self._reasons = {
            (switch.model, switch.parameter, switch.value): switch.reason
            for switch in Switch.objects.filter(opened_at__isnull=True)
        }

    def model(self, model_id: str) -> str | None:
        """Return why a model is closed; None when it is open."""
        return self._reasons.get(("", "", "")) or self._reasons.get((model_id, "", ""))

    def value(self, model_id: str, parameter: str, value: Value) -> str | None:
        """Return why a value of a parameter is closed; None when it is open."""
        return self._reasons.get((model_id, parameter, json.dumps(value)))

    def choices(self, model_id: str, parameter: str, choices: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Return the choices that are open."""
        return tuple(choice for choice in choices if self.value(model_id, parameter, choice) is None)


def check_open(spec: VideoSpec) -> None:
    """Raise ModelClosed where the model is closed, or InvalidSpec where a value of a parameter is."""
    closed = Closed()
    if reason := closed.model(spec.model.id):
        raise ModelClosed(spec.model.title, reason)
    complaints = tuple(_complaints(closed, spec.model.id, spec))
    if complaints:
        raise InvalidSpec(complaints)


def close(*, model: str = "", value: Mapping[str, Value] | None = None, reason: str, by: Actor, now: datetime) -> bool:
    """Close a model, one value of a parameter ({"duration": 10}), or everything. False when it was closed already."""
    parameter, closed = next(iter((value or {}).items()), ("", ""))
    what = {"model": model, "parameter": parameter, "value": json.dumps(closed) if value else ""}
    try:
        with transaction.atomic():
            Switch.objects.create(**what, reason=reason, closed_at=now, closed_by=by.name)
    except IntegrityError:
        return False
    log.warning("switched off", **what, reason=reason, by=by.name)
    return True


def reopen(switch: Switch, *, by: Actor, now: datetime) -> bool:
    """Open again what a switch closed. False when it was open already."""
    opened = Switch.objects.filter(pk=switch.pk, opened_at__isnull=True).update(opened_at=now, opened_by=by.name)
    if opened:
        log.warning("switched on", switch=str(switch), by=by.name)
    return bool(opened)


def _complaints(closed: Closed, model_id: str, spec: VideoSpec) -> list[Complaint]:
    found = []
    for parameter in spec.model.parameters:
        value = spec.parameters.get(parameter.name)
        if value is None or not (reason := closed.value(model_id, parameter.name, value)):
            continue
        open_ = ", ".join(map(str, closed.choices(model_id, parameter.name, parameter.choices)))
        message = f"{json.dumps(value)} is not offered just now: {reason} Allowed: {open_ or parameter.allowed}."
        found.append(Complaint(field=parameter.name, message=message))
    return found
