"""Numbers in texts from outside. A text is judged by its length and form before it is converted.

`Decimal` accepts `1e999990`, whose conversion to an integer occupies the process for minutes.
"""

import re
from decimal import Decimal

MAX_LENGTH = 28  # characters: the precision of decimals, so that calculations with them are exact
_INTEGER = re.compile(r"[+-]?\d{1,18}", re.ASCII)  # within the range of a bigint
_DECIMAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d\d?)?", re.ASCII)


def parse_integer(text: str) -> int:
    """Parses an integer of at most 18 digits. Raises ValueError."""
    if not _INTEGER.fullmatch(text):
        raise ValueError("not an integer of at most 18 digits")
    return int(text)


def parse_decimal(text: str) -> Decimal:
    """Parses a finite number of at most 28 characters, whose exponent has at most two digits. Raises ValueError."""
    if len(text) > MAX_LENGTH or not _DECIMAL.fullmatch(text):
        raise ValueError("not a number, or too long")
    return Decimal(text)
