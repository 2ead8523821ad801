"""The lines of a stock count that were counted, as CSV (RFC 4180), streamed a page at a time."""

from collections.abc import Iterator

from models import inventory
from models.core.csv import encode
from models.core.database import transaction

PAGE = 2000
COLUMNS = (
    "product_id", "sku", "title", "expected", "counted", "difference", "unit_value", "value", "booked", "short",
    "counted_by", "counted_at",
)  # fmt: skip


def value_of(line: inventory.CountLine) -> int | None:
    """What the difference of a line is worth, in minor units. None before it is counted."""
    return None if line.difference is None else line.difference * line.unit_value


def rows_of(count_id: str, state: str) -> Iterator[str]:
    """Yields the CSV, header first; values in minor units. Each page has its own transaction: clients can be slow."""
    yield encode([COLUMNS])
    last = None
    while True:
        with transaction() as session:
            found = inventory.lines_after(session, count_id, state, last, PAGE)
        if not found:
            return
        yield encode([_cells(line) for line in found])
        last = found[-1].product_id


def _cells(line: inventory.CountLine) -> list[object]:
    values = [value_of(line) if name == "value" else getattr(line, name) for name in COLUMNS[:-1]]
    counted_at = line.counted_at.isoformat() if line.counted_at else ""
    return [*values, counted_at]
