"""System checks on settings that would lose hints or pay twice."""

from math import ceil
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register()
def hints_commit_with_their_rows(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a queue that is not in the same database as the jobs."""
    if settings.Q_CLUSTER.get("orm") == "default":
        return []
    hint = 'Set Q_CLUSTER["orm"] = "default".'
    return [Error("Hints must be rows of the database that holds the jobs.", hint=hint, id="clapboard.E001")]


@register()
def hints_do_not_run_twice_at_once(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a `retry` that is over before a prefetched hint had its turn."""
    main = settings.Q_CLUSTER
    clusters = {"Q_CLUSTER": main} | {name: main | alt for name, alt in main.get("ALT_CLUSTERS", {}).items()}
    return [
        Error(
            f"{name}: retry is {cluster['retry']}, but must be above {least}.",
            hint="retry > timeout x (1 + ceil((queue_limit + 1) / workers))",
            id="clapboard.E002",
        )
        for name, cluster in clusters.items()
        if cluster["retry"]
        <= (least := cluster["timeout"] * (1 + ceil((cluster["queue_limit"] + 1) / cluster["workers"])))
    ]


@register()
def sqlite_waits_for_its_turn(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse SQLite without IMMEDIATE transactions: concurrent writers would fail instead of waiting."""
    database = settings.DATABASES["default"]
    if database["ENGINE"] != "django.db.backends.sqlite3":
        return []
    if database.get("OPTIONS", {}).get("transaction_mode") == "IMMEDIATE":
        return []
    hint = 'Set OPTIONS["transaction_mode"] = "IMMEDIATE".'
    return [Error("SQLite needs IMMEDIATE transactions.", hint=hint, id="clapboard.E003")]


@register()
def cluster_gets_no_pool(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Refuse psycopg's pool, whose connections do not survive the cluster's forks."""
    if not settings.DATABASES["default"].get("OPTIONS", {}).get("pool"):
        return []
    return [Error("A connection pool breaks the worker after its fork.", hint="Remove it.", id="clapboard.E004")]
