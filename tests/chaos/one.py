"""Runs one storm, on a database and in a folder of its own, and prints its figures as JSON in the last line."""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import django

from tests.postgres import Server, running_server


def main() -> int:
    """Prepare the ground before Django reads its settings; return 0 when nothing is amiss."""
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything that was started ends, too
    with (
        tempfile.TemporaryDirectory(prefix="clapboard-chaos-") as folder,
        _ground(arguments.database, folder) as server,
    ):
        django.setup()
        storm = import_module("tests.chaos.storm")
        weather = storm.Weather(**{name: value for name, value in vars(arguments).items() if name != "database"})
        figures = storm.run(weather, server)
    sys.stdout.write(f"{json.dumps(figures)}\n")
    return 1 if figures["complaints"] else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=24)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--stalls", type=int, default=0)
    parser.add_argument("--patience", type=float, default=300)
    parser.add_argument("--manage", default="manage.py")
    parser.add_argument("--way", choices=("polling", "webhooks"), default="polling")
    return parser


@contextlib.contextmanager
def _ground(database: str, folder: str) -> Iterator[Server | None]:
    environment = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "READ_ENV_FILES": "0",
        "DEBUG": "1",
        "SECRET_KEY": "chaos-" + "x" * 50,
        "SANDBOX": "1",
        "LOG_LEVEL": "CRITICAL",
        "CLAPBOARD_DATA": folder,
        "MODERATED_BEFORE_REVIEW": "0",
        "DOWNLOAD_SIZE_LIMIT": "10000000",
        "PYTHONPATH": str(Path(__file__).resolve().parent.parent.parent),
    }
    for name in ("WAVESPEED_API_KEY", "WAVESPEED_URL", "S3_BUCKET", "PUBLIC_URL", "EMAIL_URL", "CACHE_URL"):
        os.environ.pop(name, None)
    if database == "sqlite":
        os.environ.update(environment | {"DATABASE_URL": f"sqlite:///{folder}/chaos.sqlite3"})
        yield None
        return
    # A killed server must keep what it had committed. It may leave that to the system, which nobody kills here.
    with running_server(synchronous_commit="on", full_page_writes="on") as server:
        os.environ.update(environment | {"DATABASE_URL": server.url})
        yield server


if __name__ == "__main__":
    sys.exit(main())
