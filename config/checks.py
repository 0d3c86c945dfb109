"""System checks on settings that would lose hints, pay twice or refuse the provider's calls."""

from math import ceil
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - its name in Django
from django.http.request import validate_host

_OTHER_BROKERS = {"broker_class", "iron_mq", "sqs"}  # django-q2 prefers each of them to "orm"
_READ_COMMITTED = 2  # of psycopg.IsolationLevel, a package that SQLite does not need
_LOOKING = 20  # seconds: connecting, and a look of the watcher
_SUBMITTING = 90  # seconds: the longest POST, and writing its answer down while the database comes back


@register()
def hints_commit_with_their_rows(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a queue that is not in the same database as the jobs."""
    others = sorted(_OTHER_BROKERS & settings.Q_CLUSTER.keys())
    if settings.Q_CLUSTER.get("orm") == "default" and not others:
        return []
    hint = 'Set Q_CLUSTER["orm"] = "default"' + (f", and take {', '.join(others)} out." if others else ".")
    return [Error("Hints must be rows of the database that holds the jobs.", hint=hint, id="clapboard.E001")]


@register()
def hints_do_not_run_twice_at_once(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a `retry` that is over before a prefetched hint had its turn."""
    return [
        Error(
            f"{name}: retry is {cluster['retry']}, but must be above {least}.",
            hint="retry > timeout x (1 + ceil((queue_limit + 1) / workers))",
            id="clapboard.E002",
        )
        for name, cluster in _clusters().items()
        if cluster.get("timeout")
        and cluster["retry"]
        <= (least := cluster["timeout"] * (1 + ceil((cluster["queue_limit"] + 1) / cluster["workers"])))
    ]


@register()
def hints_have_the_time_that_they_need(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a `timeout` that would kill a worker in the middle of a POST or of a download, and none at all."""
    transfer = max(settings.DOWNLOAD_TIME_LIMIT, settings.UPLOAD_TIME_LIMIT) + _SUBMITTING
    return [
        Error(
            f"{name}: timeout is {cluster.get('timeout')}, but must be above {least:.0f} seconds.",
            hint="What a hint does ends by itself before that.",
            id="clapboard.E005",
        )
        for name, cluster in _clusters().items()
        if (cluster.get("timeout") or 0) <= (least := transfer if name == "collect" else _SUBMITTING)
    ]


@register()
def failed_hints_are_not_run_for_ever(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse to run a hint again that failed: the job's row says when it is tried again."""
    if settings.Q_CLUSTER.get("ack_failures") is True:
        return []
    hint = 'Set Q_CLUSTER["ack_failures"] = True.'
    return [Error("A hint that failed must be acknowledged like one that did not.", hint=hint, id="clapboard.E006")]


@register()
def every_statement_commits_by_itself(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse settings by which a fence is not committed when its POST is sent, or an update reads old rows."""
    database = settings.DATABASES["default"]
    options = database.get("OPTIONS", {})
    wrong = [
        *([] if database.get("AUTOCOMMIT", True) else ["AUTOCOMMIT is off"]),
        *(["ATOMIC_REQUESTS is on"] if database.get("ATOMIC_REQUESTS") else []),
        # Any other makes a conditional update fail, instead of reading again what somebody else has just changed.
        *(["OPTIONS has an isolation_level"] if options.get("isolation_level") not in {None, _READ_COMMITTED} else []),
    ]
    hint = "Services open the transactions, and count on READ COMMITTED."
    return [Error(f"The database's settings: {', '.join(wrong)}.", hint=hint, id="clapboard.E007")] if wrong else []


@register()
def sqlite_waits_for_its_turn(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse SQLite without IMMEDIATE transactions and WAL: concurrent writers would fail instead of waiting."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return []
    options = database.get("OPTIONS", {})
    if options.get("transaction_mode") == "IMMEDIATE" and "WAL" in options.get("init_command", "").upper():
        return []
    hint = 'Set OPTIONS["transaction_mode"] = "IMMEDIATE" and "PRAGMA journal_mode=WAL;" in OPTIONS["init_command"].'
    return [Error("SQLite needs IMMEDIATE transactions and WAL.", hint=hint, id="clapboard.E003")]


@register()
def cluster_gets_no_pool(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse psycopg's pool, whose connections do not survive the cluster's forks."""
    if not settings.DATABASES["default"].get("OPTIONS", {}).get("pool"):
        return []
    return [Error("A connection pool breaks the worker after its fork.", hint="Remove it.", id="clapboard.E004")]


@register()
def a_look_is_over_before_its_lease(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of a lease within which a watcher that lives may still wait for its answer: then it is asked for twice."""
    if settings.POLL_LEASE > _LOOKING:
        return []
    words = f"POLL_LEASE is {settings.POLL_LEASE:g}, and a look may take {_LOOKING} seconds: it is begun again before."
    return [Warning(words, hint=f"Set it above {_LOOKING}.", id="clapboard.W002")]


@register()
def the_public_address_is_answered(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of a public address whose host is refused: the provider's calls would be, too."""
    host = urlsplit(settings.PUBLIC_URL).hostname
    if not host or validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS):
        return []
    words = f"PUBLIC_URL is {settings.PUBLIC_URL}, and ALLOWED_HOSTS does not name {host}: what comes there is refused."
    return [Warning(words, hint=f"Add {host} to ALLOWED_HOSTS.", id="clapboard.W001")]


def _clusters() -> dict[str, dict[str, Any]]:
    main = settings.Q_CLUSTER
    return {"Q_CLUSTER": main} | {name: main | alt for name, alt in main.get("ALT_CLUSTERS", {}).items()}
