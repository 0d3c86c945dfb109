"""Money as integers of micro-dollars, and how it reads."""

from dataclasses import dataclass
from decimal import Decimal

CURRENCY = "USD"
MICROS = 1_000_000
MOST = 10**9  # dollars that anything may be about

LIMITS = ("spend", "videos", "seconds")
"""What a period limits: micro-dollars, videos, seconds of video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What one job takes of each limit."""

    spend: int
    videos: int
    seconds: int

    def __neg__(self) -> "Amount":
        """Return what takes all of it away again."""
        return Amount(spend=-self.spend, videos=-self.videos, seconds=-self.seconds)


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
        value = Decimal(text)
    except ArithmeticError as error:
        raise ValueError(f"{text!r} is not an amount of dollars such as 0.36") from error
    # Compared before it is calculated with, since a product is rounded to 28 digits and may overflow.
    if not value.is_finite() or value.copy_abs() > MOST or value != value.quantize(Decimal("0.000001")):
        raise ValueError(f"{text!r} is not an amount of dollars with at most six decimals")
    return int(value * MICROS)
