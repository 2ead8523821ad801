"""Comma-separated values (RFC 4180) that spreadsheets open."""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection), behind any apostrophes of its own."""


def escape_formula(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """The text that `harmless` was given."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def encode(rows: Iterable[Iterable[object]]) -> str:
    """The rows as text. Texts in them are written as they are: escape what people have entered."""
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
