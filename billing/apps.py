from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    """Who may spend how much."""

    name = "billing"
    verbose_name = "Money and people"

    def ready(self) -> None:
        """Guard the ledger after every migrate: SQLite loses triggers when Django remakes a table."""
        post_migrate.connect(_guard_the_ledger, sender=self)


def _guard_the_ledger(using: str, **kwargs: Any) -> None:
    from billing.triggers import make_triggers  # noqa: PLC0415 - registers a check, which needs the apps

    make_triggers(connections[using])
