"""Money as integers of micro-dollars, and how it reads."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

CURRENCY = "USD"
MICROS = 1_000_000

LIMITS = ("spend", "videos", "seconds")
"""What a period limits: micro-dollars, videos, seconds of video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one job takes of each limit."""

    spend: int
    videos: int
    seconds: int


def dollars(micros: int) -> str:
    """Return micro-dollars as a decimal string with at least two places, never rounded: 360000 → "0.36"."""
    sign, micros = ("-", -micros) if micros < 0 else ("", micros)
    whole, rest = divmod(micros, MICROS)
    return f"{sign}{whole}.{f'{rest:06}'.rstrip('0').ljust(2, '0')}"


def micros(text: str) -> int:
    """Return a decimal string of dollars as micro-dollars.

    ValueError for what is no number or finer than a micro-dollar.
    """
    try:
        value = Decimal(text) * MICROS
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not an amount of dollars such as 0.36") from error
    if not value.is_finite() or value != value.to_integral_value() or abs(value) > 10**15:
        raise ValueError(f"{text!r} is not an amount of dollars with at most six decimals")
    return int(value)
