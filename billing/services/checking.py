"""What services take: checked before anything is written, so that no database has to refuse it."""

from typing import Any

from billing.models import Override
from billing.money import LIMITS, MICROS, MOST, Amount
from billing.services.errors import InvalidValue

_REASON = 300  # characters that a line has
_MOST = {"spend": MOST * MICROS, "videos": MOST, "seconds": MOST}


def check_limit(limit: str, value: Any) -> None:
    """Raise InvalidValue for what is no limit of a subscription, or no value of it; None is unlimited."""
    if limit not in Override.Limit.values:
        raise InvalidValue("limit", limit, ", ".join(Override.Limit.values))
    if value is None:
        return
    if limit == Override.Limit.MODELS:
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise InvalidValue(limit, value, "a list of models' ids, or none for all of them")
    elif not _is_whole(value) or not 0 <= value <= _MOST[limit]:
        raise InvalidValue(limit, value, f"0 to {_MOST[limit]}, or none for unlimited")


def check_cap(value: int | None) -> None:
    """Raise InvalidValue for what no key can be capped at, in micro-dollars; None is no cap."""
    if value is not None and not (_is_whole(value) and 0 <= value <= _MOST["spend"]):
        raise InvalidValue("spend_limit", value, f"0 to {_MOST['spend']}, or none for no cap")


def check_granted(amount: Amount) -> None:
    """Raise InvalidValue for what can't be granted: less than nothing, or nothing at all."""
    _check_each(amount, least=0)
    _check_something(amount)


def check_adjusted(amount: Amount) -> None:
    """Raise InvalidValue for what can't be added to what is spent, of either sign."""
    _check_each(amount, least=-1)
    _check_something(amount)


def check_reason(reason: str) -> None:
    """Raise InvalidValue for what says nothing, or more than a line holds."""
    if not 0 < len(reason.strip()) <= len(reason) <= _REASON:
        raise InvalidValue("reason", reason, f"1 to {_REASON} characters")


def _check_each(amount: Amount, *, least: int) -> None:
    """Check each limit of an amount; `least` is in units of the most that it may be."""
    for limit in LIMITS:
        value, most = getattr(amount, limit), _MOST[limit]
        if not _is_whole(value) or not least * most <= value <= most:
            raise InvalidValue(limit, value, f"{least * most} to {most}")


def _check_something(amount: Amount) -> None:
    if not any(getattr(amount, limit) for limit in LIMITS):
        raise InvalidValue("amount", amount, "something of one limit at least")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
