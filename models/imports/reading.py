"""Reading an uploaded file: a slice at a time is split into chunks. Nothing is imported before all of it is read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from sqlalchemy import Integer, String, bindparam, delete, select, text
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from durable.ids import Id
from models.core.csv import unescape_formula
from models.imports import shopify_csv
from models.imports.csv_file import no_products
from models.imports.csv_rows import ImportTooLarge, Refusal, Rows, check_row
from models.imports.tables import IMPORT_STATUS, Chunk, Import, Piece, SeenSku
from models.imports.uploads import read_pieces
from settings import settings

CHUNK_ROWS, CHUNK_TEXT = 1000, 1 << 20
"""Maximum rows of a chunk, and characters after which it ends."""
SLICE, SLICE_ROWS = 4 << 20, 50_000
"""Bytes and rows after which a slice ends."""
MAX_SKU = 64  # characters; a longer one is refused when its row is imported

# The order is that of the file, so that the first row with a SKU counts.
_SEE = text("""
    INSERT INTO catalogue.import_sku (import_id, sku, line)
    SELECT :import_id, sku, line FROM unnest(:skus, :lines) AS given (sku, line)
    ON CONFLICT DO NOTHING RETURNING line
""").bindparams(
    bindparam("import_id", type_=Id("imp")),
    bindparam("skus", type_=ARRAY(String)),
    bindparam("lines", type_=ARRAY(Integer)),
)


@dataclass
class _Chunk:
    """The next rows of a file. `head`: the first row of the Shopify product with which they continue."""

    head: list[str] | None
    rows: list[tuple[int, list[str], str]] = field(default_factory=list)  # with the SKU
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
    if made.format == "shopify":
        row = dict(zip(columns, cells, strict=True))
        if row["Title"]:
            made.first_row = cells
        if not shopify_csv.is_variant(row):
            made.skipped += 1
            return
        sku = shopify_csv.sku_of(row)
    else:
        sku = unescape_formula(cells[columns.index("sku")]).strip()
    chunk.rows.append((line, cells, sku))
    chunk.size += sum(map(len, cells))


def _store(session: Session, made: Import, chunk: _Chunk) -> None:
    """Stores a chunk. A row whose SKU was seen before is refused."""
    made.rows += chunk.count
    if made.rows > settings.import_rows:
        problem = f"The file has more than {settings.import_rows} rows. Split it into several files."
        raise ImportTooLarge(problem, limit=settings.import_rows)
    made.chunks += 1
    earlier = _seen_before(session, made.id, chunk)
    body: dict[str, Any] = {
        "head": chunk.head,
        "rows": [[line, cells] for line, cells, _ in chunk.rows if line not in earlier],
        "refused": [[row.line, row.sku, row.reason] for row in chunk.refused] + [
            [line, sku, f"sku: Already used on line {earlier[line]}."] for line, _, sku in chunk.rows if line in earlier
        ],
    }  # fmt: skip
    session.execute(insert(Chunk), {"import_id": made.id, "number": made.chunks, "body": json.dumps(body)})


def _seen_before(session: Session, import_id: str, chunk: _Chunk) -> dict[int, int]:
    """Line → the line of an earlier row with the same SKU."""
    skus = {line: sku for line, _, sku in chunk.rows if 0 < len(sku) <= MAX_SKU}
    given = {"import_id": import_id, "skus": list(skus.values()), "lines": list(skus)}
    new = set(session.scalars(_SEE, given))
    repeated = {line: sku for line, sku in skus.items() if line not in new}
    found = select(SeenSku.sku, SeenSku.line).where(SeenSku.import_id == import_id)
    first = dict(session.execute(found.where(SeenSku.sku.in_(repeated.values()))).all()) if repeated else {}
    return {line: first[sku] for line, sku in repeated.items()}
