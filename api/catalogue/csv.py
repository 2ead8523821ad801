"""Tables of comma-separated values (RFC 4180) that are as long as they are: a page in memory at a time."""

from collections.abc import Iterator

from models import imports
from models.core.csv import encode, escape_formula
from models.core.database import transaction

PAGE = 2000


def refusal_rows(import_id: str) -> Iterator[str]:
    """The rows of an import that were refused, heading first."""
    yield encode([("line", "sku", "reason")])
    line = 0
    while True:
        with transaction() as session:
            refused = imports.list_refusals(session, import_id, line, PAGE)
        if not refused:
            return
        yield encode((row.line, escape_formula(row.sku), escape_formula(row.reason)) for row in refused)
        line = refused[-1].line


def catalogue_rows() -> Iterator[str]:
    """All products on sale in our own format, heading first."""
    yield encode([imports.OURS])
    last = None
    while True:
        found, last = imports.export_page(last, PAGE)
        if not found:
            return
        yield encode(found)
