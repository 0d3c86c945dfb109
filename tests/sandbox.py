"""
Starts a sandbox for a test, as a process of its own.

    with running_sandbox(seconds=0.2, faults=("failed",)) as sandbox:
        requests.post(f"{sandbox.url}/api/v3/…")
        assert sandbox.stats()["submissions"] == 1
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

_ROOT = Path(__file__).resolve().parent.parent
_STARTS_WITHIN = 180
_STOPS_WITHIN = 20
_ANSWERS_WITHIN = 60
_FLAGS = frozenset({"tiny", "plain", "no_inputs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningSandbox:
    """A sandbox that listens: its address and its control routes."""

    url: str
    process: "subprocess.Popen[str]"

    def stats(self) -> dict[str, Any]:
        """Return the counts since the start or the last reset."""
        return self._read(requests.get(f"{self.url}/sandbox/stats", timeout=_ANSWERS_WITHIN))

    def set(self, **options: Any) -> dict[str, Any]:
        """Change options at once: seconds, balance, concurrent, faults, prices, without, schemas and others."""
        return self._post("options", options)

    def finish(self, *ids: str) -> int:
        """End these predictions now, or all that run; return how many were told to."""
        return int(self._post("finish", {"ids": list(ids)} if ids else {})["hurried"])

    def reset(self) -> None:
        """Go back to how it was at the start."""
        self._post("reset", {})

    def _post(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._read(requests.post(f"{self.url}/sandbox/{name}", json=body, timeout=_ANSWERS_WITHIN))

    @staticmethod
    def _read(response: requests.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        answer = response.json()
        assert isinstance(answer, dict)
        return answer


@contextlib.contextmanager
def running_sandbox(**options: Any) -> Iterator[RunningSandbox]:
    """
    Run a sandbox on a free port of 127.0.0.1 while the block runs.

    Takes the options of `SandboxOptions`; unless told otherwise, a prediction takes 0.2 s and its file is tiny.
    """
    wanted = {"seconds": 0.2, "webhook_pause": 0.05, "port": 0, **options}
    if not wanted.get("plain"):
        wanted.setdefault("tiny", True)
    with tempfile.TemporaryDirectory(prefix="sandbox-test-") as folder:
        wanted.setdefault("files", folder)
        # Its end of the pipe closes even when this process is killed, and the sandbox stops.
        command = [sys.executable, "-m", "generation.sandbox", "--until-eof", *_arguments(wanted)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=_ROOT, stdin=pipe, stdout=pipe, text=True, env=_environment())
        try:
            yield RunningSandbox(url=_address(process), process=process)
        finally:
            _stop(process)


def _arguments(options: dict[str, Any]) -> Iterator[str]:
    if not options.pop("include_inputs", True):
        options["no_inputs"] = True
    for name, value in options.items():
        if name in _FLAGS:
            yield from [_dashed(name)] if value else []
        elif name == "faults":
            yield from (f"--fault={words}" for words in value)
        elif name == "prices":
            yield from (f"--price={model}={dollars}" for model, dollars in value.items())
        elif name == "without":
            yield from (f"--without={model}" for model in value)
        elif name == "schemas":
            yield from (f"--schema={parameter}={json.dumps(rule)}" for parameter, rule in value.items())
        elif value is not None:
            yield f"{_dashed(name)}={value}"


def _dashed(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _environment() -> dict[str, str]:
    # Nothing of the application's settings reaches it: it must not need them.
    return {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}


def _address(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    line = _line(process.stdout)
    assert line.startswith("sandbox: http"), f"the sandbox did not start: {line!r}"
    return line.removeprefix("sandbox: ").strip()


def _line(stream: IO[str]) -> str:
    ready, _, _ = select.select([stream], [], [], _STARTS_WITHIN)
    return stream.readline() if ready else ""


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
