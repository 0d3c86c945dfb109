from typing import Any

from django.core.management.commands import migrate
from django.db import connections

from billing.triggers import make_triggers


class Command(migrate.Command):
    """Django's own, which first mends what its check would stop at: a ledger that lost its triggers."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Guard the ledger, as far as it is there, and go on: the checks come before `handle`."""
        make_triggers(connections[options["database"]])
        return super().execute(*args, **options)
