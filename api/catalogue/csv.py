"""CSV files (RFC 4180), streamed a page at a time."""

from collections.abc import Iterator

from models import imports
from models.core.csv import encode
from models.core.database import transaction

PAGE = 2000


def refusal_rows(import_id: str) -> Iterator[str]:
    """Yields the refused rows of an import as CSV, header first."""
    yield encode([("line", "sku", "reason")])
    line = 0
    while True:
        with transaction() as session:
            refused = imports.list_refusals(session, import_id, line, PAGE)
        if not refused:
            return
        yield encode((row.line, row.sku, row.reason) for row in refused)
        line = refused[-1].line


def catalogue_rows() -> Iterator[str]:
    """Yields all products on sale in the `shopflow` format, header first."""
    yield encode([imports.NATIVE_COLUMNS])
    last = None
    while True:
        found, last = imports.export_page(last, PAGE)
        if not found:
            return
        yield encode(found)
