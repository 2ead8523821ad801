"""A report as a table of comma-separated values (RFC 4180), a page at a time, however long it is."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from models import reports
from models.core.database import transaction

PAGE = 2000
COLUMNS = (
    "warehouse", "product_id", "sku", "title", "kind", "on_hand", "reserved", "available", "came", "went",
    "reorder_point", "low",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the start of a formula (OWASP, CSV injection)."""


def rows_of(report: reports.Report) -> Iterator[str]:
    """The table's text, heading first. Each page is read in a transaction of its own, for clients can be slow."""
    names = {warehouse["id"]: warehouse["name"] for warehouse in report.body["warehouses"]}
    yield _text([COLUMNS])
    last = None
    while True:
        with transaction() as session:
            lines = reports.lines_after(session, report.id, last, PAGE)
        if not lines:
            return
        yield _text([_cells(line, names[line.warehouse_id]) for line in lines])
        last = lines[-1]


def _cells(line: reports.Line, warehouse: str) -> list[Any]:
    values = [warehouse, *(getattr(line, name) for name in COLUMNS[1:-1]), "yes" if line.low else "no"]
    return [safe(value) if isinstance(value, str) else value for value in values]


def safe(text: str) -> str:
    """The text, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _text(rows: Any) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
