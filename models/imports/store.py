"""Imports: an upload is split into chunks, and each chunk is imported in its own transaction."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable.ids import new_id
from models import catalogue, inventory
from models.core.csv import unescape_formula
from models.core.errors import Invalid, NotFound, ShopError
from models.imports import native_csv, shopify_csv
from models.imports.csv_file import CsvFile, NotACatalogue, Refusal, Row, SeenSkus
from models.imports.tables import Chunk, Import, Refused

CHUNK_ROWS, CHUNK_TEXT = 1000, 1 << 20
"""Maximum rows and characters of a chunk."""
MAX_LISTED_REFUSALS = 100
"""Maximum refused rows in a task's result."""
WORKFLOW = "catalogue_import"


def start_import(
    session: Session, owner: str, sheet: CsvFile, *, sha256: str, file_name: str | None, default_kind: str | None
) -> Import:
    """Stores the file's rows in chunks and starts the run that imports them.

    While an import of the same file by the same owner is running, that import is returned instead. Raises
    NotACatalogue, also for errors further down in the file; the caller's transaction then rolls back.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(sha256, 0))))
    options = {"columns": sheet.columns, "kind": default_kind}
    same = Import.sha256 == sha256, Import.owner == owner, Import.finished_at.is_(None), Import.options == options
    under_way = session.scalars(select(Import).where(*same).limit(1)).one_or_none()
    if under_way is not None:
        return under_way
    made = Import(
        id=new_id("imp"), owner=owner, format=sheet.format, file_name=file_name, sha256=sha256, options=options,
        rows=0, skipped=0,
    )  # fmt: skip
    made.run_id = durable.start(session, WORKFLOW, key=made.id, input={"import_id": made.id}, owner=owner)
    session.add(made)
    session.flush()
    number = 0
    for number, (rows, body) in enumerate(_chunks(sheet), 1):
        made.rows += rows
        session.execute(insert(Chunk), {"import_id": made.id, "number": number, "body": body})
    if not number:
        raise NotACatalogue("The file has a header but no products. Send at least one row.")
    made.skipped = sheet.skipped
    session.flush()
    return made


def list_chunk_numbers(session: Session, import_id: str) -> list[int]:
    """The numbers of the remaining chunks, in the order of the file."""
    return list(session.scalars(select(Chunk.number).where(Chunk.import_id == import_id).order_by(Chunk.number)))


def import_chunk(session: Session, import_id: str, number: int) -> dict[str, int]:
    """Imports a chunk and deletes it. Refused rows are stored with their reasons.

    Returns the numbers of created, updated, unchanged and refused rows.
    """
    gone = delete(Chunk).where(Chunk.import_id == import_id, Chunk.number == number).returning(Chunk.body)
    body = session.scalars(gone).one()
    made = session.get_one(Import, import_id)
    counts, refused = import_rows(session, _read(made, json.loads(body)), reference=import_id)
    if refused:
        rows = [{"import_id": import_id, "line": r.line, "sku": r.sku, "reason": r.reason} for r in refused]
        session.execute(insert(Refused), rows)
    return counts


def import_rows(
    session: Session, found: Iterable[Row | Refusal], reference: str
) -> tuple[dict[str, int], list[Refusal]]:
    """Imports rows with distinct SKUs: products, and opening stock of new ones.

    Returns the numbers of created, updated, unchanged and refused rows, and the refused ones. Idempotent.
    """
    counts: Counter[str] = Counter()
    refused: list[Refusal] = []
    rows: list[Row] = []
    for row in found:
        rows.append(row) if isinstance(row, Row) else refused.append(row)
    _import_rows(session, rows, reference, counts, refused)
    counts["refused"] = len(refused)
    return {name: counts[name] for name in ("created", "updated", "unchanged", "refused")}, refused


def finish_import(session: Session, import_id: str, parts: Iterable[dict[str, int]]) -> dict[str, Any]:
    """Adds up the chunks' counts and finishes the import. Returns the task's result."""
    made = session.get_one(Import, import_id)
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(part)
    for name in ("created", "updated", "unchanged", "refused"):
        setattr(made, name, sums[name])
    made.finished_at = datetime.now(UTC)
    first = list_refusals(session, import_id, 0, MAX_LISTED_REFUSALS)
    counts = {name: getattr(made, name) for name in ("rows", "created", "updated", "unchanged", "refused", "skipped")}
    return {
        "import_id": import_id, "format": made.format, **counts,
        "refusals": [{"line": row.line, "sku": row.sku, "reason": row.reason} for row in first],
        "refusals_complete": made.refused <= MAX_LISTED_REFUSALS,
    }  # fmt: skip


def get(session: Session, import_id: str) -> Import:
    """Returns an import. Raises NotFound."""
    found = session.get(Import, import_id)
    if found is None:
        raise NotFound("No such import.")
    return found


def select_imports() -> Select[Any]:
    """The query for all imports. The caller orders it."""
    return select(Import)


def list_refusals(session: Session, import_id: str, line: int, limit: int) -> Sequence[Refused]:
    """The next refused rows after `line`."""
    behind = select(Refused).where(Refused.import_id == import_id, Refused.line > line)
    return session.scalars(behind.order_by(Refused.line).limit(limit)).all()


def read_rows(sheet: CsvFile, default_kind: str | None = None) -> Iterator[Row | Refusal]:
    """Yields all rows of a file, each SKU once, to be imported without chunks."""
    options = {"columns": sheet.columns, "kind": default_kind}
    made = Import(format=sheet.format, options=options)
    for _, body in _chunks(sheet):
        yield from sorted(_read(made, json.loads(body)), key=lambda row: row.line)


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


def _chunks(sheet: CsvFile) -> Iterator[tuple[int, str]]:
    """Splits the file into chunks. Yields the number of rows and the JSON of each.

    A row with a repeated SKU is refused. `head`: the first row of the Shopify product with which a chunk continues.
    """
    shopifys = sheet.format == "shopify"
    seen = SeenSkus()
    with seen.closing:
        head: list[str] | None = None
        chunk: dict[str, Any] = {"head": None, "rows": [], "refused": []}
        size = 0
        for found in sheet.cells():
            if isinstance(found, Refusal):
                chunk["refused"].append([found.line, found.sku, found.reason])
            else:
                line, cells = found
                if shopifys:
                    row = dict(zip(sheet.columns, cells, strict=True))
                    if row["Title"]:
                        head = cells
                    if not shopify_csv.is_variant(row):
                        sheet.skipped += 1
                        continue
                    sku = shopify_csv.sku_of(row)
                else:
                    sku = unescape_formula(cells[sheet.columns.index("sku")]).strip()
                earlier = seen.first_line(sku, line) if sku else None
                if earlier is not None:
                    chunk["refused"].append([line, sku[:64], f"sku: Already used on line {earlier}."])
                else:
                    chunk["rows"].append([line, cells])
                    size += sum(map(len, cells))
            if len(chunk["rows"]) + len(chunk["refused"]) >= CHUNK_ROWS or size >= CHUNK_TEXT:
                yield len(chunk["rows"]) + len(chunk["refused"]), json.dumps(chunk)
                chunk, size = {"head": head, "rows": [], "refused": []}, 0
        if chunk["rows"] or chunk["refused"]:
            yield len(chunk["rows"]) + len(chunk["refused"]), json.dumps(chunk)


def _read(made: Import, chunk: dict[str, Any]) -> Iterator[Row | Refusal]:
    columns, default_kind = made.options["columns"], made.options["kind"]
    for refused in chunk["refused"]:
        yield Refusal(*refused)
    if made.format != "shopify":
        for line, cells in chunk["rows"]:
            yield native_csv.parse_row(columns, line, cells)
        return
    first = dict(zip(columns, chunk["head"], strict=True)) if chunk["head"] else {}
    for line, cells in chunk["rows"]:
        row = dict(zip(columns, cells, strict=True))
        if row["Title"]:
            first = row
        if row["Handle"] == first.get("Handle"):
            row = shopify_csv.complete_row(row, first)
        yield shopify_csv.parse_row(row, line, default_kind)
