"""Clapboard without its guard, as others wrote it: read, compare, and add afterwards. A control of the races over HTTP.

Who has compared waits for a lock that the test holds, so that all compare before any adds. PostgreSQL only.
"""

from config.wsgi import application  # isort: split

from datetime import datetime

from django.db import connection
from django.db.models import F

from billing import services
from billing.models import Period
from billing.money import LIMITS, Amount
from billing.services import holding
from tests.concurrency.web import LOCK

__all__ = ["application"]


def _take(period: Period, amount: Amount, now: datetime) -> bool:
    if services.violated_limit(period, amount):
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])
    sums = {f"{limit}_held": F(f"{limit}_held") + getattr(amount, limit) for limit in LIMITS}
    return Period.objects.filter(pk=period.pk).update(**sums) == 1


holding.take = _take
