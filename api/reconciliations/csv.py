"""The differences of a reconciliation as CSV (RFC 4180), streamed a page at a time."""

from collections.abc import Iterator

from models import payments
from models.core.csv import encode
from models.core.database import transaction

PAGE = 2000
COLUMNS = (
    "kind", "gateway", "order_id", "payment_id", "reference", "ours", "ours_currency", "theirs", "theirs_currency",
    "repaired",
)  # fmt: skip


def rows_of(reconciliation_id: str) -> Iterator[str]:
    """Yields the CSV, header first; amounts in minor units. Each page has its own transaction: clients can be slow."""
    yield encode([COLUMNS])
    last = None
    while True:
        with transaction() as session:
            found = payments.differences_after(session, reconciliation_id, last, PAGE)
        if not found:
            return
        yield encode([_cells(one) for one in found])
        last = found[-1]


def _cells(one: payments.Difference) -> list[object]:
    return [*(getattr(one, name) for name in COLUMNS[:-1]), "yes" if one.repaired else "no"]
