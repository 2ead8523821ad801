"""CSV (RFC 4180) that is safe to open in spreadsheets."""

import csv
import io
import re
from collections.abc import Iterable

_FORMULA = re.compile("'*[=+\\-@\t\r\n＝＋－＠]")  # noqa: RUF001
"""The start of a formula in a spreadsheet (OWASP, CSV injection), after any leading apostrophes."""


def escape_formula(text: str) -> str:
    """Prefixes a text that a spreadsheet would evaluate as a formula with an apostrophe."""
    return f"'{text}" if _FORMULA.match(text) else text


def unescape_formula(text: str) -> str:
    """Reverses `escape_formula`."""
    return text[1:] if text[:1] == "'" and _FORMULA.match(text) else text


def _cell(value: object) -> object:
    return escape_formula(value) if isinstance(value, str) else value


def encode(rows: Iterable[Iterable[object]]) -> str:
    """Encodes the rows as CSV. Escapes formulas in texts. Every CSV file that the shop writes comes from here."""
    written = io.StringIO()
    csv.writer(written).writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()
