"""Dollars as WaveSpeed writes them, in integers of micro-dollars (1 USD = 1,000,000)."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation


def micros_up(dollars: object) -> int | None:
    """Read dollars to pay; a fraction of a micro-dollar counts as a whole. None where they are none."""
    return _micros(dollars, ROUND_CEILING)


def micros_down(dollars: object) -> int | None:
    """Read dollars that we have; a fraction of a micro-dollar does not count. None where they are none."""
    return _micros(dollars, ROUND_FLOOR)


def _micros(dollars: object, rounding: str) -> int | None:
    """Go through their decimal text, so that 0.29 is 290,000 and nothing else."""
    if isinstance(dollars, bool) or not isinstance(dollars, int | float | str):
        return None
    try:
        amount = Decimal(str(dollars))
    except InvalidOperation:
        return None
    if not amount.is_finite() or abs(amount) >= 10**9:
        return None
    return int((amount * 1_000_000).to_integral_value(rounding))
