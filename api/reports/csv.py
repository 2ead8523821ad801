"""A report as CSV (RFC 4180), streamed a page at a time."""

from collections.abc import Iterator

from models import reports
from models.core.csv import encode, escape_formula
from models.core.database import transaction

PAGE = 2000
COLUMNS = (
    "warehouse", "product_id", "sku", "title", "kind", "on_hand", "reserved", "available", "came", "went",
    "reorder_point", "low",
)  # fmt: skip


def rows_of(report: reports.Report) -> Iterator[str]:
    """Yields the CSV, header first. Each page has its own transaction, because clients can be slow."""
    names = {warehouse["id"]: warehouse["name"] for warehouse in report.body["warehouses"]}
    yield encode([COLUMNS])
    last = None
    while True:
        with transaction() as session:
            lines = reports.lines_after(session, report.id, last, PAGE)
        if not lines:
            return
        yield encode([_cells(line, names[line.warehouse_id]) for line in lines])
        last = lines[-1]


def _cells(line: reports.Line, warehouse: str) -> list[object]:
    values = [warehouse, *(getattr(line, name) for name in COLUMNS[1:-1]), "yes" if line.low else "no"]
    return [escape_formula(value) if isinstance(value, str) else value for value in values]
