import fcntl
import os
import secrets
import shlex
import socket
import sys
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from honcho.manager import Manager

from billing.models import Plan
from billing.people import add_user

DEMO = "demo@example.org"


class Command(BaseCommand):
    help = "Run everything on this machine: web, worker, watcher and sandbox. What `make run` calls."

    def handle(self, *args: Any, **options: Any) -> None:
        """Set up the database and the demo user, and run until Ctrl-C."""
        lock = _only_one()
        for name, port in _ports().items():
            _check_free(name, port)
        call_command("migrate", verbosity=0)
        password = secrets.token_urlsafe(12)
        add_user(DEMO, password=password, plan=Plan.objects.get(slug="pro"), staff=True, now=timezone.now())
        note = _Note(settings.BASE_DIR / ".env.run")
        self.stdout.write(
            f"\n  Clapboard  http://127.0.0.1:{settings.PORT}/\n"
            f"  Sign in as {DEMO}\n"
            f"  Password   {password}\n\n"
            f"  Stop it with Ctrl-C. Everything it keeps is in {settings.DATA_DIR}\n"
        )
        self.stdout.flush()
        try:
            sys.exit(_run())
        finally:
            note.remove()
            lock.close()


def _only_one() -> IO[str]:
    """Hold a lock on the data folder, or say that somebody runs on it already; the kernel frees it when we die."""
    file = (settings.DATA_DIR / "develop.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        message = (
            f"Clapboard runs on {settings.DATA_DIR} already, at {file.read()}. For a second one set CLAPBOARD_DATA."
        )
        raise CommandError(message) from None
    file.truncate(0)
    file.write(f"http://127.0.0.1:{settings.PORT}/")
    file.flush()
    return file


class _Note:
    """What `make run` was started with, so that manage.py in another terminal sees the same settings."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = (
            f"# Written by `make run`; gone when it stops.\n"
            f"PORT={settings.PORT}\nSANDBOX_PORT={settings.SANDBOX_PORT}\nCLAPBOARD_DATA={settings.DATA_DIR}\n"
            f"PUBLIC_URL={_public_url()}\n"
        )
        path.write_text(self._text)

    def remove(self) -> None:
        if self._path.exists() and self._path.read_text() == self._text:  # and not that of a later one
            self._path.unlink()


def _public_url() -> str:
    """Return where the provider calls us when a video is made; the sandbox is on this machine."""
    return settings.PUBLIC_URL or (f"http://127.0.0.1:{settings.PORT}" if settings.SANDBOX else "")


def _ports() -> dict[str, int]:
    return {"PORT": settings.PORT} | ({"SANDBOX_PORT": settings.SANDBOX_PORT} if settings.SANDBOX else {})


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            message = f"{name} is {port}, which can't be used: {error}. Choose another: `{name}={port + 100} make run`."
            raise CommandError(message) from None


def _run() -> int:
    bind = f"127.0.0.1:{settings.PORT}"
    manage = [sys.executable, sys.argv[0]]
    gunicorn = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", bind, "--workers", "2", "--threads", "8"]
    commands = {
        "web": [*gunicorn, "--log-level", "warning"],
        "worker": [*manage, "worker"],
        "watcher": [*manage, "watch"],
    }
    if settings.SANDBOX:
        commands["sandbox"] = [*manage, "sandbox"]
    manager = Manager()
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "PUBLIC_URL": _public_url()}
    for name, command in commands.items():
        manager.add_process(name, shlex.join(command), env=environment)
    manager.loop()
    # Being told to stop is how it ends, and no error.
    return 0 if manager.returncode in {130, 143} else int(manager.returncode or 0)
