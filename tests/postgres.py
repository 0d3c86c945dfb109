"""
Starts a PostgreSQL cluster of our own, for the tests, the chaos run and the benchmark.

    with running_postgres() as url:
        subprocess.run(["pytest"], env={**os.environ, "TEST_DATABASE_URL": url})
"""

import contextlib
import os
import pwd
import re
import secrets
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_STARTS_WITHIN = 60
_STOPS_WITHIN = 20
_OLDEST = 14  # Django 5.2 supports none before
_NEEDED = ("initdb", "pg_ctl", "createdb")
_ACCOUNT = "postgres"  # the server refuses to run as root

# Starts the server anew for each line that it reads, until the end of its input, which also comes when whoever started
# it was killed: no server is left behind.
_SCRIPT = """
trap '"$1/pg_ctl" --pgdata="$2/data" --mode=immediate --silent stop >/dev/null 2>&1; rm -rf "$2"' EXIT
cd "$2" &&
"$1/initdb" --pgdata=data --username=clapboard --pwfile=password --auth=scram-sha-256 \
    --encoding=UTF8 --locale=C --no-sync >log 2>&1 </dev/null &&
"$1/pg_ctl" --pgdata=data --log=log --options="$4" --wait --timeout="$5" start >>log 2>&1 &&
PGPASSWORD="$(cat password)" "$1/createdb" --host=127.0.0.1 --port="$3" --username=clapboard clapboard >>log 2>&1 &&
echo ready || tail -n 4 log
while read -r _; do
    "$1/pg_ctl" --pgdata=data --log=log --options="$4" --wait --timeout="$5" start >>log 2>&1 \
        && echo ready || echo "not yet"
done
"""


class NoPostgres(Exception):
    """This machine can't run PostgreSQL; the message says why."""


def postgres_version() -> str:
    """Return the version that would run, such as "15.18"; NoPostgres where none would."""
    return _programs().version


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, can be killed and started again. `url` is a DATABASE_URL of an empty database."""

    url: str
    folder: Path
    process: "subprocess.Popen[str]"

    @property
    def pid(self) -> int:
        """That of its first process, the parent of one a connection."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start it again after it was killed; what it had committed is there, if synchronous_commit was on."""
        assert self.process.stdin is not None
        deadline = time.monotonic() + _STARTS_WITHIN
        while True:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            # What is left of the killed one still holds its memory for a moment, and it is refused.
            if _said(self.process) == "ready\n":
                return
            if time.monotonic() > deadline:
                raise NoPostgres("it did not start again")
            time.sleep(0.1)


@contextlib.contextmanager
def running_postgres(**settings: str) -> Iterator[str]:
    """Run a server on a free port of 127.0.0.1 while the block runs, and yield a DATABASE_URL with an empty database.

    Nothing is kept: it writes without fsync into a folder that goes when the block ends or its process dies. Other
    settings of the server may be given, such as fsync="on". NoPostgres where this machine can't.
    """
    with running_server(**settings) as server:
        yield server.url


@contextlib.contextmanager
def running_server(**settings: str) -> Iterator[Server]:
    """Run such a server and yield what is needed to kill it and to start it again."""
    programs = _programs()
    before = _become()
    password, port = secrets.token_hex(16), _free_port()
    folder = _folder(password)
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories='' " + " ".join(
        f"-c {name}={value}" for name, value in (_SETTINGS | settings).items()
    )
    arguments = [str(programs.folder), str(folder), str(port), options, str(_STARTS_WITHIN)]
    process = subprocess.Popen(
        [*before, "sh", "-c", _SCRIPT, "sh", *arguments],
        cwd="/",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C is for us; the server ends when we let go
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    try:
        _wait_until_ready(process)
        url = f"postgres://clapboard:{password}@127.0.0.1:{port}/clapboard"
        yield Server(url=url, folder=folder, process=process)
    finally:
        _stop(process)
        shutil.rmtree(folder, ignore_errors=True)


_SETTINGS: dict[str, str] = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Programs:
    folder: Path
    version: str


def _programs() -> _Programs:
    """Return the newest programs there are, those of PATH before all."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_number_of, reverse=True)
    folders = [folder for folder in folders if all((folder / name).exists() for name in _NEEDED)]
    if not folders:
        raise NoPostgres("there is no initdb in PATH or /usr/lib/postgresql/*/bin")
    answer = subprocess.run([folders[0] / "initdb", "--version"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+(\.\d+)*", answer)
    if not version or int(version[0].partition(".")[0]) < _OLDEST:
        raise NoPostgres(f"its version is {version[0] if version else 'unknown'}; {_OLDEST} or newer is needed")
    return _Programs(folder=folders[0], version=version[0])


def _number_of(folder: Path) -> float:
    try:
        return float(folder.parent.name)
    except ValueError:
        return 0


def _become() -> list[str]:
    """Return what a command must begin with to run as an account that the server accepts."""
    if os.geteuid() != 0:
        return []
    if not shutil.which("runuser"):
        raise NoPostgres("we are root, which the server refuses, and there is no runuser")
    try:
        pwd.getpwnam(_ACCOUNT)
    except KeyError:
        raise NoPostgres(f"we are root, which the server refuses, and there is no user {_ACCOUNT}") from None
    return ["runuser", "-u", _ACCOUNT, "--"]


def _folder(password: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="clapboard-postgres-"))
    (folder / "password").write_text(password)
    if os.geteuid() == 0:
        for path in (folder, folder / "password"):
            shutil.chown(path, _ACCOUNT)
    return folder


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    said = _said(process)
    if said != "ready\n":
        process.stdin.close()  # type: ignore[union-attr]
        rest = process.stdout.read() if said else "nothing was heard of it"
        raise NoPostgres(f"it did not start: {' | '.join((said + rest).split(chr(10))).strip(' |')}")


def _said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _STARTS_WITHIN + 30)
    return process.stdout.readline() if ready else ""


def _stop(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    try:
        process.wait(_STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait(_STOPS_WITHIN)
    process.stdout.close()
