"""Small parents of the worker and the watcher: they start a group of processes and start it anew when it dies.

So everything below may prefer dying to hanging. Linux ends the children of a killed parent by itself; elsewhere they
find out only when they next look.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from types import FrameType

import structlog

log = structlog.get_logger(__name__)

_LOOK_EVERY = 0.1  # seconds
_DRAIN = 25  # seconds that what runs may take to end by itself
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0  # seconds before a start
_HEALTHY_AFTER = 30.0  # seconds of life after which the pauses begin anew
_PR_SET_PDEATHSIG = 1
_PARENT = "CLAPBOARD_PARENT"  # whose child a group is; it may be gone before the child can look for itself
_SIGNS = "CLAPBOARD_SIGNS"  # the pipe into which a group writes that it goes round
_SIGN_EVERY = 1.0  # seconds


class Flag:
    """Is set by SIGTERM and SIGINT. A handler does nothing else, since the rest could deadlock inside of it."""

    def __init__(self) -> None:
        self._set = False
        signal.signal(signal.SIGTERM, self._raise)
        signal.signal(signal.SIGINT, self._raise)

    def __call__(self) -> bool:
        return self._set

    def _raise(self, number: int, frame: FrameType | None) -> None:
        self._set = True


class Group:
    """A command that leads a process group of its own, and is started again whenever it ends.

    With `silent_after` it is killed when it has given no sign (`Signs`) for so many seconds.
    """

    def __init__(
        self, command: list[str], environment: dict[str, str] | None = None, *, silent_after: float | None = None
    ) -> None:
        self._command = command
        self._silent_after = silent_after
        self._heard_at = 0.0
        self._hearing: int | None = None
        self._speaking: int | None = None
        self._environment = os.environ | (environment or {}) | {_PARENT: str(os.getpid())}
        if silent_after:
            self._hearing, self._speaking = os.pipe()
            os.set_blocking(self._hearing, False)
            self._environment[_SIGNS] = str(self._speaking)
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._pause = _FIRST_PAUSE

    def look(self) -> None:
        """Start it when it is time; when it has ended, end what it left behind and pause before the next start."""
        now = time.monotonic()
        if self._process is None:
            if now >= self._start_at:
                self._start(now)
        elif self._process.poll() is not None:
            log.error("died and is started again", command=self._command[2:], exit_code=self._process.returncode)
            self.kill()
            self._process = None
            self._put_off(now)
        elif self._is_silent(now):
            log.error("says nothing any more and is killed", command=self._command[2:])
            self.kill()

    def _start(self, now: float) -> None:
        self._started_at = self._heard_at = now
        inherited = [] if self._speaking is None else [self._speaking]
        try:
            self._process = subprocess.Popen(
                self._command, env=self._environment, start_new_session=True, pass_fds=inherited
            )
        except OSError as error:
            # Too many processes or too little memory, for now; the other groups go on.
            log.error("could not be started and is tried again", command=self._command[2:], error=str(error))  # noqa: TRY400
            self._put_off(now)

    def _put_off(self, now: float) -> None:
        """Pause before the next start, each time longer until it has lived for a while."""
        self._pause = _FIRST_PAUSE if now - self._started_at > _HEALTHY_AFTER else self._pause * 2
        self._start_at = now + min(self._pause, _LONGEST_PAUSE)

    def _is_silent(self, now: float) -> bool:
        if self._hearing is None or self._silent_after is None:
            return False
        with suppress(BlockingIOError):
            while os.read(self._hearing, 4096):
                self._heard_at = now
        return now - self._heard_at > self._silent_after

    def ask_to_end(self) -> None:
        """Send SIGTERM to its leader only: a worker that got one would drop what it has in hand."""
        if self._process:
            self._process.terminate()

    def ended(self) -> bool:
        """Whether its leader is gone."""
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """End all that is left of it, at once."""
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


class Signs:
    """Tells the parent that all who are named still go round; without one it tells nobody."""

    def __init__(self, *names: str) -> None:
        self._names = names
        self._round: set[str] = set()
        self._told_at = 0.0
        self._pipe = int(os.environ[_SIGNS]) if _SIGNS in os.environ else None

    def went_round(self, name: str) -> None:
        """Say that it has gone round; the parent is told once all have since it was told last."""
        self._round.add(name)
        now = time.monotonic()
        if self._pipe is None or len(self._round) < len(self._names) or now - self._told_at < _SIGN_EVERY:
            return
        self._round.clear()
        self._told_at = now
        os.write(self._pipe, b".")


def supervise(groups: list[Group]) -> None:
    """Keep the groups running until a signal comes; then let them finish, but not for ever."""
    stopping = Flag()
    while not stopping():
        for group in groups:
            group.look()
        time.sleep(_LOOK_EVERY)
    for group in groups:
        group.ask_to_end()
    deadline = time.monotonic() + _DRAIN
    while time.monotonic() < deadline and not all(group.ended() for group in groups):
        time.sleep(_LOOK_EVERY)
    for group in groups:
        group.kill()


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies, and its own children likewise."""
    if sys.platform != "linux":
        return
    _die_with(int(os.environ.get(_PARENT, os.getppid())))
    forking: list[int] = []  # who forks just now
    os.register_at_fork(
        before=lambda: forking.append(os.getpid()),
        after_in_parent=forking.clear,
        after_in_child=lambda: _die_with(forking.pop()),
    )


def _die_with(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)  # it died before we had asked
