"""Reading an uploaded file: a slice at a time is split into chunks. Nothing is imported before all of it is read."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Integer, String, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from durable.ids import Id
from models.core.csv import unescape_formula
from models.imports import shopify_csv
from models.imports.csv_file import MAX_COLUMN_NAME, SHOPIFY_COLUMNS, no_products
from models.imports.csv_rows import ImportTooLarge, Refusal, Rows, check_row
from models.imports.tables import IMPORT_STATUS, Chunk, Import, Piece, Repeat, SeenSku
from models.imports.uploads import read_pieces
from settings import settings

CHUNK_ROWS, CHUNK_TEXT = 1000, 1 << 20
"""Maximum rows of a chunk, and characters after which it ends."""
SLICE, SLICE_ROWS = 4 << 20, 50_000
"""Bytes and rows after which a slice ends."""
MAX_SKU = 64  # characters; a longer one is refused when its row is imported
CONTEXT = "context"
"""Marks a row that is not imported here, and to whose Shopify product the next rows may belong."""
MAX_REPEATS = 3
"""Further rows with a SKU that are kept, in case those before them cannot be imported."""

# The order is that of the file, so that the first row with a SKU counts.
_SEE = text("""
    INSERT INTO catalogue.import_sku (import_id, sku, line, chunk)
    SELECT :import_id, sku, line, :chunk FROM unnest(:skus, :lines) AS given (sku, line)
    ON CONFLICT DO NOTHING RETURNING line
""").bindparams(
    bindparam("import_id", type_=Id("imp")),
    bindparam("skus", type_=ARRAY(String)),
    bindparam("lines", type_=ARRAY(Integer)),
)

_COUNT = text("""
    UPDATE catalogue.import_sku SET repeats = given.repeats FROM unnest(:skus, :repeats) AS given (sku, repeats)
    WHERE import_id = :import_id AND import_sku.sku = given.sku
""").bindparams(
    bindparam("import_id", type_=Id("imp")),
    bindparam("skus", type_=ARRAY(String)),
    bindparam("repeats", type_=ARRAY(Integer)),
)


@dataclass
class _Raw:
    """A row. `head`: the first row of the Shopify product before it; `is_head`: it begins one."""

    line: int
    cells: list[str]
    sku: str
    head: list[str] | None
    is_head: bool


@dataclass
class _Chunk:
    """The next rows of a file. `head`: the first row of the Shopify product with which they continue."""

    head: list[str] | None
    rows: list[_Raw] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    size: int = 0

    @property
    def count(self) -> int:
        return len(self.rows) + len(self.refused)

    @property
    def is_full(self) -> bool:
        return self.count >= CHUNK_ROWS or self.size >= CHUNK_TEXT


def read_slice(session: Session, import_id: str) -> list[int] | None:
    """Reads the next slice of a file. Returns None if there is more, and at the end of the file the chunks' numbers.

    Raises NotACatalogue and ImportTooLarge. The caller holds the lock of the import's run.
    """
    made = session.get_one(Import, import_id, populate_existing=True)
    if made.status == "reading":
        rows = Rows(read_pieces(session, made), offset=made.bytes_read, line=made.lines_read + 1)
        for chunk in _chunks(made, rows):
            _store(session, made, chunk)
        made.bytes_read, made.lines_read = rows.offset, rows.line - 1
        if made.bytes_read < made.size:
            return None
        if not made.rows:
            raise no_products()
        delete_file(session, import_id)
        IMPORT_STATUS.move(made, "importing")
    return list(session.scalars(select(Chunk.number).where(Chunk.import_id == import_id).order_by(Chunk.number)))


def delete_file(session: Session, import_id: str) -> None:
    """Deletes the bytes of a file, and what was noted while it was read."""
    for table in (Piece, SeenSku):
        session.execute(delete(table).where(table.import_id == import_id))


def _chunks(made: Import, rows: Rows) -> Iterator[_Chunk]:
    """Splits the slice into chunks, and counts skipped rows."""
    begun = rows.offset
    chunk = _Chunk(made.first_row)
    for found in islice(rows, SLICE_ROWS):
        if isinstance(found, Refusal):
            chunk.refused.append(found)
        elif any(found[1]):
            _add(made, chunk, *found)
        if chunk.is_full:
            yield chunk
            chunk = _Chunk(made.first_row)
        if rows.offset - begun >= SLICE:
            break
    if chunk.count:
        yield chunk


def _add(made: Import, chunk: _Chunk, line: int, cells: list[str]) -> None:
    columns = made.options["columns"]
    refused = check_row(columns, line, cells)
    if refused is not None:
        chunk.refused.append(refused)
        return
    head, is_head = made.first_row, False
    if made.format == "shopify":
        row = dict(zip(columns, cells, strict=True))
        _count_not_taken(made, row)
        if is_head := bool(row["Title"]):
            made.first_row = cells
        if not shopify_csv.is_variant(row):
            made.skipped += 1
            return
    [(_, sku)] = skus_of(made.format, columns, head, [(line, cells)])
    chunk.rows.append(_Raw(line, cells, sku, head, is_head))
    chunk.size += sum(map(len, cells))


def skus_of(
    form: str, columns: list[str], head: list[str] | None, rows: Iterable[Sequence[Any]]
) -> list[tuple[int, str]]:
    """Line and SKU of each row. A SKU may be invalid."""
    if form == "shopify":
        return [(line, shopify_csv.sku_of(row)) for line, row in shopify_csv.complete_rows(columns, head, rows)]
    at = columns.index("sku")
    return [(line, unescape_formula(cells[at]).strip()) for line, cells, *_ in rows]


def _count_not_taken(made: Import, row: dict[str, str]) -> None:
    """Counts the cells that the import does not take, by column."""
    found = {name[:MAX_COLUMN_NAME] for name, cell in row.items() if cell and name not in SHOPIFY_COLUMNS}
    if found:
        made.not_taken = dict(Counter(made.not_taken) + Counter(found))


def _store(session: Session, made: Import, chunk: _Chunk) -> None:
    """Stores a chunk. Rows whose SKU was seen before are kept beside the chunk with the first one, or refused."""
    made.rows += chunk.count
    if made.rows > settings.import_rows:
        problem = f"The file has more than {settings.import_rows} rows. Split it into several files."
        raise ImportTooLarge(problem, limit=settings.import_rows)
    made.chunks += 1
    new = _first_of_their_sku(session, made, chunk)
    repeated = [row for row in chunk.rows if row.line not in new]
    body: dict[str, Any] = {
        "head": chunk.head,
        "rows": [
            [row.line, row.cells] if row.line in new else [row.line, row.cells, CONTEXT]
            for row in chunk.rows
            if row.line in new or row.is_head
        ],
        "refused": [[row.line, row.sku, row.reason] for row in chunk.refused] + _keep(session, made.id, repeated),
    }
    session.execute(insert(Chunk), {"import_id": made.id, "number": made.chunks, "body": json.dumps(body)})


def _first_of_their_sku(session: Session, made: Import, chunk: _Chunk) -> set[int]:
    """The lines of the rows that are the first with their SKU, or whose SKU cannot be one."""
    skus = {row.line: row.sku for row in chunk.rows if 0 < len(row.sku) <= MAX_SKU}
    given = {"import_id": made.id, "skus": list(skus.values()), "lines": list(skus), "chunk": made.chunks}
    return {*session.scalars(_SEE, given), *(row.line for row in chunk.rows if row.line not in skus)}


def _keep(session: Session, import_id: str, repeated: list[_Raw]) -> list[list[Any]]:
    """Keeps the rows for the chunk with the first row of their SKU. Returns refusals of those that are too many."""
    if not repeated:
        return []
    among = SeenSku.import_id == import_id, SeenSku.sku.in_({row.sku for row in repeated})
    first = {seen.sku: seen for seen in session.execute(
        select(SeenSku.sku, SeenSku.line, SeenSku.chunk, SeenSku.repeats).where(*among)
    )}  # fmt: skip
    kept: Counter[str] = Counter({sku: seen.repeats for sku, seen in first.items()})
    values, refused = [], []
    for row in repeated:
        seen = first[row.sku]
        if kept[row.sku] >= MAX_REPEATS or not seen.chunk:  # 0: read by the release that did not keep rows
            refused.append([row.line, row.sku, already_used(seen.line)])
            continue
        kept[row.sku] += 1
        body = json.dumps({"head": row.head, "rows": [[row.line, row.cells]], "refused": []})
        about = {"chunk": seen.chunk, "first_line": seen.line, "line": row.line}
        values.append({"import_id": import_id, "body": body, **about})
    if values:
        session.execute(insert(Repeat), values)
        session.execute(_COUNT, {"import_id": import_id, "skus": list(kept), "repeats": list(kept.values())})
    return refused


def already_used(line: int) -> str:
    """The reason why a row is refused whose SKU a row before it has."""
    return f"sku: Already used on line {line}."
