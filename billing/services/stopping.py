"""Where a limit stops: at its target, but never below what is spent and held. For UPDATEs on the row's own columns."""

from django.db.models import F, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Greatest

from billing.money import LIMITS, Amount


def stopping(limit: str, *, more_granted: int = 0, more_used: int = 0) -> Combinable:
    """Return what a limit becomes when so much more is granted, or spent and held; NULL stays NULL.

    Added to the target, since GREATEST on PostgreSQL passes over NULL and MAX on SQLite does not.
    """
    target = F(f"{limit}_target") + Value(more_granted)
    used = F(f"{limit}_spent") + F(f"{limit}_held") + Value(more_used)
    return target + Greatest(Value(0), used - target)


def limits_after(more_used: Amount) -> dict[str, Combinable]:
    """Return the fields of all limits where so much more is spent and held; below zero is less."""
    return {f"{limit}_limit": stopping(limit, more_used=getattr(more_used, limit)) for limit in LIMITS}
