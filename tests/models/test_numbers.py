"""Numbers in texts from outside are judged before they are converted."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.core.numbers import parse_decimal, parse_integer

HUGE = ["1e999990", "1e-999990", "1E+999", "9" * 5000, "0." + "1" * 5000, "1" * 29]
NO_NUMBERS = ["", " ", "-", ".", "e5", "1e", "1.2.3", "1_000", "NaN", "sNaN", "inf", "-Infinity", "٣", "0x10", "1\n"]


@pytest.mark.parametrize("text", [*HUGE, *NO_NUMBERS])
def test_a_huge_number_and_no_number_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        parse_decimal(text)
    with pytest.raises(ValueError, match="not an integer"):
        parse_integer(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**12), max_value=10**12))
def test_a_number_is_converted_exactly(number: Decimal) -> None:
    assert parse_decimal(str(number)) == number


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_an_integer_is_converted_exactly(number: int) -> None:
    assert parse_integer(str(number)) == number


@pytest.mark.parametrize("text", ["1e2", "1E+2", "100", "+100", "100.", "10000e-2", "100.00"])
def test_a_number_may_have_an_exponent(text: str) -> None:
    assert parse_decimal(text) == 100
