"""Settings as the environment has them. A value that can't be used stops the start, named with what is allowed.

What is empty counts as not set.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

from billing.money import micros

_T = TypeVar("_T")

_BOOLEANS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_MOST = 10**15
_LONGEST = 7 * 86_400.0  # seconds, so that no date is left for which a database has no room
_API_RATE = r"[1-9]\d{0,8}/(s|sec|second|m|min|minute|h|hour|d|day)"  # what REST framework reads as it is meant
_SIGNUP_RATE = r"[1-9]\d{0,8}/([1-9]\d{0,3})?[smhd](/ip)?"  # of allauth's: nobody is signed in whom it could count by
_POSTGRES = {"postgres", "postgresql", "psql", "pgsql"}
_REDIS = {"rediscache", "redis", "rediss"}
_CACHES = {*_REDIS, "filecache", "dbcache", "locmemcache", "dummycache"}
_SMTP = {"smtp", "smtps", "smtp+tls", "smtp+ssl"}
_MAILS = {*_SMTP, "filemail", "consolemail", "memorymail", "dummymail"}


class Environment:
    """Reads variables by name; ImproperlyConfigured for a wrong value.

    Apart, what files set is not put into the process's environment, which its children would inherit.
    """

    def __init__(self, *, apart: bool = False) -> None:
        kind = type("Apart", (environ.Env,), {"ENVIRON": dict(os.environ)}) if apart else environ.Env
        self._env = kind()

    def read_files(self, folder: Path) -> None:
        """Take from .env.run, and then from .env, what is not set yet."""
        if self.boolean("READ_ENV_FILES", default=True):
            if not self.boolean("IGNORE_ENV_RUN", default=False):  # `make run` itself decides anew
                self._env.read_env(folder / ".env.run")
            self._env.read_env(folder / ".env")

    def text(self, name: str, default: str = "") -> str:
        """Return it as it stands; django-environ would take what begins with $ for another variable's name."""
        return self._env.ENVIRON.get(name) or default

    def texts(self, name: str, default: list[str]) -> list[str]:
        """Return what stands between commas."""
        return self._parsed(name, default, lambda text: [part for part in text.split(",") if part], "")

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return yes or no; "flase" is neither."""
        return self._parsed(name, default, lambda text: _BOOLEANS[text.strip().lower()], "1 or 0")

    def whole(self, name: str, default: int, *, least: int = 0, most: int = _MOST) -> int:
        """Return a whole number."""
        allowed = f"a whole number from {least}" + (f" to {most}" if most < _MOST else "")
        return self._parsed(name, default, lambda text: int(_within(int(text), least, most)), allowed)

    def number(self, name: str, default: float, *, least: float = 0.01, most: float = _LONGEST) -> float:
        """Return a number, most often of seconds."""
        allowed = f"a number from {least:g} to {most:.0f}"
        return self._parsed(name, default, lambda text: _within(float(text), least, most), allowed)

    def dollars(self, name: str) -> int | None:
        """Return dollars as micro-dollars, None where they are not set."""
        return self._parsed(name, None, _dollars, "dollars from 0, with at most six decimals, such as 20 or 0.36")

    def log_level(self, name: str, default: str) -> str:
        """Return a level of Python's logging."""
        return self._parsed(name, default, _like("|".join(_LEVELS)), ", ".join(_LEVELS))

    def api_rate(self, name: str, default: str) -> str:
        """Return requests in a time."""
        return self._parsed(name, default, _like(_API_RATE), "a number a s, min, hour or day, such as 3000/min")

    def signup_rate(self, name: str, default: str) -> str:
        """Return sign-ups of one address in a time."""
        return self._parsed(name, default, _like(_SIGNUP_RATE), "a number and a time in s, m, h or d, such as 20/h/ip")

    def time_zone(self, name: str, default: str) -> str:
        """Return the name of a time zone."""
        return self._parsed(name, default, lambda text: ZoneInfo(text).key, "a name such as UTC or Europe/Berlin")

    def folder(self, name: str, default: Path) -> Path:
        """Return a folder, made where it is missing."""
        path = Path(self.text(name, str(default))).resolve()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _wrong(name, repr(str(path)), f"a folder that is there or can be made ({error.strerror})") from None
        return path

    def address(self, name: str) -> str:
        """Return an http or https address."""
        return self._parsed(name, "", _address, "an http or https address")

    def database(self, name: str, default: str) -> dict[str, Any]:
        """Return a database from its URL."""
        allowed = "postgres://user:password@host:5432/name or sqlite:///path"
        return self._url(name, default, lambda url: _database(url, self._env), allowed)

    def cache(self, name: str, default: str) -> dict[str, Any]:
        """Return a cache from its URL."""
        allowed = "rediscache://host:6379/1 or filecache:///path"
        return self._url(name, default, lambda url: _cache(url, self._env), allowed)

    def mail(self, name: str, default: str) -> dict[str, Any]:
        """Return from a URL how mail is sent."""
        allowed = "smtp+tls://user:password@host:587 (or smtp, smtps, smtp+ssl), filemail:// or consolemail://"
        return self._url(name, default, lambda url: _mail(url, self._env), allowed)

    def _url(self, name: str, default: str, parse: Callable[[str], dict[str, Any]], allowed: str) -> dict[str, Any]:
        url = self.text(name, default)
        try:
            return parse(url)
        except (ValueError, ImproperlyConfigured):
            raise _wrong(name, _without_secrets(url), allowed) from None

    def _parsed(self, name: str, default: _T, parse: Callable[[str], _T], allowed: str) -> _T:
        text = self.text(name)
        try:
            return parse(text) if text else default
        except (ValueError, LookupError, OSError):
            raise _wrong(name, repr(text), allowed) from None


def is_loopback(url: str) -> bool:
    """Say whether an address is this machine's."""
    host = urlsplit(url).hostname or ""
    return host in {"localhost", "::1"} or host.startswith("127.")


def is_address(url: str) -> bool:
    """Say whether it is an http or https address."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # also of a port that is none
        return False


def is_origin(url: str) -> bool:
    """Say whether it is an address of scheme, host and at most a port."""
    return is_address(url) and "@" not in url and url == f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"


def _wrong(name: str, shown: str, allowed: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"Clapboard can't start: {name} is {shown}; allowed: {allowed}.")


def _without_secrets(url: str) -> str:
    """Return what can be shown of a URL that may hold a password: all where there is room for none."""
    scheme, separator, _ = url.partition("://")
    return repr(f"{scheme}://…" if separator else url if url.isalnum() else "…")


def _within(number: float, least: float, most: float) -> float:
    if not least <= number <= most:  # neither is what is no number
        raise ValueError
    return number


def _like(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text, re.ASCII):
            raise ValueError
        return text

    return parse


def _dollars(text: str) -> int:
    return int(_within(micros(text), 0, _MOST))


def _address(text: str) -> str:
    if not is_address(text):
        raise ValueError
    return text


def _database(url: str, env: environ.Env) -> dict[str, Any]:
    scheme = urlsplit(url).scheme
    database: dict[str, Any] = env.db_url_config(url) if scheme in {*_POSTGRES, "sqlite"} else {}
    if not database.get("NAME"):
        raise ValueError
    return database


def _cache(url: str, env: environ.Env) -> dict[str, Any]:
    parts = urlsplit(url)
    nowhere = parts.scheme in {*_REDIS, "filecache"} and not parts.netloc + parts.path
    if parts.scheme not in _CACHES or nowhere:
        raise ValueError
    return dict(env.cache_url_config(url))


def _mail(url: str, env: environ.Env) -> dict[str, Any]:
    mail: dict[str, Any] = env.email_url_config(url)
    if urlsplit(url).scheme not in _MAILS or (urlsplit(url).scheme in _SMTP and not mail["EMAIL_HOST"]):
        raise ValueError
    return mail
