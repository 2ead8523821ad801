"""Types of validated texts."""

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f]")


def no_control_characters(text: str) -> str:
    """PostgreSQL cannot store NUL; other control characters have no use in texts."""
    if _CONTROL.search(text):
        raise ValueError("must not contain control characters")
    return text


_TRIMMED = StringConstraints(strip_whitespace=True, min_length=1)
ShortText = Annotated[str, _TRIMMED, Field(max_length=100), AfterValidator(no_control_characters)]
Name = Annotated[str, _TRIMMED, Field(max_length=200), AfterValidator(no_control_characters)]
Title = Annotated[str, _TRIMMED, Field(max_length=300), AfterValidator(no_control_characters)]


def _iso_date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("must be a date like 2024-05-31") from None


def _isbn(text: str) -> str:
    """ISBN-10 or ISBN-13 without its hyphens (ISO 2108)."""
    digits = text.replace("-", "").replace(" ", "").upper()
    values = [10 if digit == "X" else int(digit) for digit in digits if digit in "0123456789X"]
    if len(values) != len(digits) or "X" in digits[:-1] or len(digits) not in (10, 13):
        raise ValueError("must be an ISBN of 10 or 13 digits")
    if len(digits) == 10:
        right = sum((10 - at) * value for at, value in enumerate(values)) % 11 == 0
    else:
        right = digits[-1] != "X" and sum((3 if at % 2 else 1) * value for at, value in enumerate(values)) % 10 == 0
    if not right:
        raise ValueError("has a wrong check digit")
    return digits


def _scanned(text: str) -> str:
    code = text.replace("-", "").replace(" ", "").upper()
    if not code:
        raise ValueError("must not be empty")
    return code


IsoDate = Annotated[str, AfterValidator(_iso_date)]
Isbn = Annotated[str, AfterValidator(_isbn)]
Barcode = Annotated[ShortText, AfterValidator(_scanned)]
"""As a scanner reads it: without spaces and hyphens, in capitals."""
