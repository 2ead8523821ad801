"""Tables of comma-separated values (RFC 4180) that are as long as they are: a page in memory at a time."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from models import imports
from models.core.database import transaction

PAGE = 2000


def refusal_rows(import_id: str) -> Iterator[str]:
    """The rows of an import that were refused, heading first."""
    yield _text([("line", "sku", "reason")])
    line = 0
    while True:
        with transaction() as session:
            refused = imports.refusals_after(session, import_id, line, PAGE)
        if not refused:
            return
        yield _text((row.line, imports.harmless(row.sku), imports.harmless(row.reason)) for row in refused)
        line = refused[-1].line


def catalogue_rows() -> Iterator[str]:
    """All products on sale in our own format, heading first."""
    yield _text([imports.OURS])
    last = None
    while True:
        found, last = imports.exported_after(last, PAGE)
        if not found:
            return
        yield _text(found)


def _text(rows: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
