"""What time it is. Leases are compared across machines, so they run by the database's clock."""

from datetime import datetime

from django.db import connection
from django.utils import timezone


def now() -> datetime:
    """Return the database's time; SQLite has none but this machine's."""
    if connection.vendor != "postgresql":
        return timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {expression()}")
        moment: datetime = cursor.fetchone()[0]
    return moment


def expression() -> str:
    """Return SQL of the time, for whoever asks the database for something anyway; NULL where it has none."""
    # Not now(): that is when the transaction began.
    return "clock_timestamp()" if connection.vendor == "postgresql" else "NULL"
