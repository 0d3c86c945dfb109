"""What outlives a restart: predictions and uploads, in one JSON file that is written whole or not at all."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .faults import KINDS, Fault
from .predictions import Prediction, Status
from .schemas import MODELS

# Raise it when rows change, or an old file would be misread.
VERSION = 1
# Many changes at a time are written once.
_PAUSE_SECONDS = 0.5
# As long as the provider lists predictions.
_KEPT_NANOSECONDS = 7 * 24 * 3600 * 1_000_000_000
_AS_THEY_ARE = (
    "id",
    "inputs",
    "origin",
    "webhook",
    "price",
    "cost",
    "seconds",
    "created",
    "hidden",
    "outputs",
    "error",
    "code",
    "unsafe",
    "milliseconds",
    "charged",
    "polls",
)

State = dict[str, Any]


class Memory:
    """The file and when it is written: at once, but then not again for a moment. Without a path it keeps nothing."""

    def __init__(self, path: Path | None, state: Callable[[], State]) -> None:
        self._path = path
        self._state = state
        self._pause: asyncio.TimerHandle | None = None
        self._missed = False

    def read(self) -> State | None:
        """Return what was written, None if there is nothing that can be read."""
        if self._path is None or not self._path.exists():
            return None
        try:
            state = json.loads(self._path.read_bytes())
            if state["version"] != VERSION:
                raise ValueError(f"version {state['version']}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.complain(error)
            return None
        return dict(state)

    def complain(self, error: Exception) -> None:
        """Say that the file is of no use; nothing depends on it."""
        sys.stderr.write(f"sandbox: {self._path} is ignored: {type(error).__name__}: {error}\n")

    def changed(self) -> None:
        """Write now, or at the end of the pause after the last time."""
        if self._path is None:
            return
        if self._pause is not None:
            self._missed = True
            return
        self._missed = False
        self._write(self._path)
        self._pause = asyncio.get_running_loop().call_later(_PAUSE_SECONDS, self._resume)

    def close(self) -> None:
        """Write for the last time."""
        if self._pause is not None:
            self._pause.cancel()
        if self._path is not None:
            self._write(self._path)

    def _resume(self) -> None:
        self._pause = None
        if self._missed:
            self.changed()

    def _write(self, path: Path) -> None:
        part = path.with_suffix(".part")
        try:
            part.write_text(json.dumps({"version": VERSION, **self._state()}))
            part.replace(path)
        except OSError as error:
            # A full disk must not refuse jobs.
            sys.stderr.write(f"sandbox: {path} could not be written: {error}\n")


def rows_of(predictions: Iterable[Prediction]) -> list[dict[str, Any]]:
    """Write predictions down; what was wished is kept, not how often it has happened."""
    return [_row(prediction) for prediction in predictions]


def _row(prediction: Prediction) -> dict[str, Any]:
    return {name: getattr(prediction, name) for name in _AS_THEY_ARE} | {
        "model": prediction.model.id,
        "status": prediction.status.value,
        "faults": [[fault.name, fault.value, fault.times] for fault in prediction.faults],
    }


def predictions_of(rows: list[dict[str, Any]]) -> list[Prediction]:
    """Read them again but for the too old; rows without sense raise KeyError, TypeError or ValueError."""
    oldest = time.time_ns() - _KEPT_NANOSECONDS
    return [_prediction(row) for row in rows if row["created"] >= oldest]


def _prediction(row: dict[str, Any]) -> Prediction:
    faults = tuple(
        Fault(name=name, stage=KINDS[name].stage, value=value, times=times) for name, value, times in row["faults"]
    )
    plain = {name: row[name] for name in _AS_THEY_ARE}
    return Prediction(**plain, model=MODELS[row["model"]], status=Status(row["status"]), faults=faults)
