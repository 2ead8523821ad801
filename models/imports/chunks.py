"""Chunks: the rows of a file are imported in portions, each in its own transaction."""

import json
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import catalogue, inventory
from models.core.errors import Invalid, ShopError
from models.imports import native_csv, shopify_csv
from models.imports.csv_file import Row
from models.imports.csv_rows import Refusal
from models.imports.tables import Chunk, Import, Refused

COUNTS = ("created", "updated", "unchanged", "refused")
PORTION_ROWS = 50


def import_chunk(session: Session, import_id: str, number: int) -> dict[str, int]:
    """Imports a chunk and deletes it. Refused rows are stored with their reasons.

    Returns the numbers of created, updated, unchanged and refused rows.
    """
    made, chunk = _take(session, import_id, number)
    return _import(session, import_id, _read(made, chunk))


def import_chunk_in_portions(
    session: Session, import_id: str, number: int, *, suspects: Collection[int], is_alone: Callable[[int], bool],
    before_each: Callable[[int, int], None],
) -> dict[str, int]:  # fmt: skip
    """Imports a chunk as `import_chunk` does, in portions of up to PORTION_ROWS rows.

    `before_each` is called before each portion with its first and last line. A row on a line for which `is_alone` is
    true is a portion by itself. The rows on the lines `suspects` are refused unread.
    """
    made, chunk = _take(session, import_id, number)
    sums: Counter[str] = Counter()
    for portion in _split(made, chunk, lambda line: line in suspects or is_alone(line)):
        rows = portion["rows"] or portion["refused"]
        if rows[0][0] in suspects:
            portion = _refuse(made, portion, "The row could not be imported: a worker failed twice at it.")
        before_each(rows[0][0], rows[-1][0])
        sums.update(_import(session, import_id, _read(made, portion)))
    return {name: sums[name] for name in COUNTS}


def drop_chunk(session: Session, import_id: str, number: int, reason: str) -> dict[str, int]:
    """Deletes a chunk without importing it. Its rows are refused with this reason."""
    made, chunk = _take(session, import_id, number)
    return _import(session, import_id, _read(made, _refuse(made, chunk, reason)))


def _take(session: Session, import_id: str, number: int) -> tuple[Import, dict[str, Any]]:
    gone = delete(Chunk).where(Chunk.import_id == import_id, Chunk.number == number).returning(Chunk.body)
    return session.get_one(Import, import_id), json.loads(session.scalars(gone).one())


def _split(made: Import, chunk: dict[str, Any], is_alone: Callable[[int], bool]) -> Iterator[dict[str, Any]]:
    """The chunk as smaller ones, each of a row that is alone, or of up to PORTION_ROWS others."""
    head = chunk["head"]
    for kind in ("refused", "rows"):
        left = deque(chunk[kind])
        while left:
            portion = [left.popleft()]
            if not is_alone(portion[0][0]):
                while left and len(portion) < PORTION_ROWS and not is_alone(left[0][0]):
                    portion.append(left.popleft())
            yield {"head": head, "rows": [], "refused": [], kind: portion}
            if kind == "rows" and made.format == "shopify":
                title = made.options["columns"].index("Title")
                head = next((cells for _, cells in reversed(portion) if cells[title]), head)


def _refuse(made: Import, chunk: dict[str, Any], reason: str) -> dict[str, Any]:
    columns = made.options["columns"]
    sku = columns.index("Variant SKU" if "Variant SKU" in columns else "sku" if "sku" in columns else "Handle")
    refused = [[line, cells[sku].strip(), reason] for line, cells in chunk["rows"]]
    return {**chunk, "rows": [], "refused": [*chunk["refused"], *refused]}


def _import(session: Session, import_id: str, found: Iterable[Row | Refusal]) -> dict[str, int]:
    """Imports rows with distinct SKUs: products, and opening stock of new ones. Stores the refused ones."""
    counts: Counter[str] = Counter()
    refused: list[Refusal] = []
    rows: list[Row] = []
    for row in found:
        rows.append(row) if isinstance(row, Row) else refused.append(row)
    _import_rows(session, rows, import_id, counts, refused)
    counts["refused"] = len(refused)
    if refused:
        values = [{"import_id": import_id, "line": r.line, "sku": r.sku, "reason": r.reason} for r in refused]
        session.execute(insert(Refused), values)
    return {name: counts[name] for name in COUNTS}


def _import_rows(
    session: Session, rows: list[Row], reference: str, counts: Counter[str], refused: list[Refusal]
) -> None:
    """Imports the rows. On an error, bisects them to find the rows that cannot be imported."""
    if not rows:
        return
    try:
        with session.begin_nested():
            done = catalogue.upsert_products(session, [row.draft for row in rows])
            openings = [
                inventory.Opening(done.ids[row.draft.sku], row.stock, row.reorder_point)
                for row in rows if row.draft.sku in done.ids
            ]  # fmt: skip
            inventory.open_stock(session, openings, reference=reference)
    except ShopError as error:
        if len(rows) > 1:
            middle = len(rows) // 2
            _import_rows(session, rows[:middle], reference, counts, refused)
            _import_rows(session, rows[middle:], reference, counts, refused)
            return
        reason = native_csv.explain(error) if isinstance(error, Invalid) else error.detail
        refused.append(Refusal(rows[0].line, rows[0].draft.sku, reason))
        return
    counts.update(created=done.created, updated=done.updated, unchanged=done.unchanged)
    for row in rows:
        if row.draft.sku in done.kind_conflicts:
            reason = f"kind: The product is of kind {done.kind_conflicts[row.draft.sku]}; the kind cannot be changed."
            refused.append(Refusal(row.line, row.draft.sku, reason))


def _read(made: Import, chunk: dict[str, Any]) -> Iterator[Row | Refusal]:
    for refused in chunk["refused"]:
        yield Refusal(*refused)
    yield from parse_rows(made.format, made.options, chunk["head"], chunk["rows"])


def parse_rows(
    form: str, options: Mapping[str, Any], head: list[str] | None, rows: Iterable[tuple[int, list[str]]]
) -> Iterator[Row | Refusal]:
    """Parses rows, given with their lines, into products, or refusals with the reasons.

    `options`: the columns, and the default kind. `head`: the first row of the Shopify product with which they continue.
    """
    columns = options["columns"]
    if form != "shopify":
        for line, cells in rows:
            yield native_csv.parse_row(columns, line, cells)
        return
    first = dict(zip(columns, head, strict=True)) if head else {}
    for line, cells in rows:
        row = dict(zip(columns, cells, strict=True))
        if row["Title"]:
            first = row
        if row["Handle"] == first.get("Handle"):
            row = shopify_csv.complete_row(row, first)
        yield shopify_csv.parse_row(row, line, options["kind"])
