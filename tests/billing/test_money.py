from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import dollars, micros

NO_NUMBERS = ["", "free", "1.2.3", "NaN", "sNaN", "-Infinity", "0x10", "1,50"]
BEYOND_MEASURE = ["1e30", "1e999999", "-1e999999", "1000000000.000001"]
TOO_FINE = ["0.0000001", "1e-999999", "0.36000000000000000000000000000001"]
AMOUNTS = st.integers(-(10**15), 10**15)


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (360_000, "0.36"),
        (500_000, "0.50"),
        (1_000_000, "1.00"),
        (1_234_567, "1.234567"),
        (1_230_000, "1.23"),
        (10**15, "1000000000.00"),
        (-20_000, "-0.02"),
        (-1_500_000, "-1.50"),
    ],
)
def test_dollars_shows_every_micro_and_at_least_two_places(amount, text):
    assert dollars(amount) == text


@pytest.mark.parametrize(("text", "amount"), [("0.36", 360_000), ("2", 2_000_000), ("1e-6", 1), (" 1.5 ", 1_500_000)])
def test_micros_reads_dollars(text, amount):
    assert micros(text) == amount


@pytest.mark.parametrize("text", NO_NUMBERS + BEYOND_MEASURE + TOO_FINE)
def test_micros_refuses_what_is_no_amount(text):
    with pytest.raises(ValueError, match="is not an amount of dollars"):
        micros(text)


@given(amount=AMOUNTS)
def test_what_dollars_writes_micros_reads(amount):
    assert micros(dollars(amount)) == amount


@given(amount=AMOUNTS)
def test_dollars_never_rounds(amount):
    text = dollars(amount)
    assert Fraction(Decimal(text)) * 1_000_000 == amount
    assert len(text.partition(".")[2]) >= 2


@given(amounts=st.lists(AMOUNTS, max_size=50))
def test_shown_amounts_add_up_to_the_shown_sum(amounts):
    assert sum(Decimal(dollars(amount)) for amount in amounts) == Decimal(dollars(sum(amounts)))


@given(text=st.text(max_size=20) | st.decimals().map(str))
def test_micros_returns_an_integer_or_refuses(text):
    try:
        amount = micros(text)
    except ValueError:
        return
    assert isinstance(amount, int)
    assert Fraction(Decimal(text)) * 1_000_000 == amount
