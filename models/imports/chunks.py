"""Chunks: the rows of a file are imported in portions, each in its own transaction."""

import json
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models import catalogue, inventory
from models.core.errors import Invalid, ShopError
from models.imports import native_csv, shopify_csv
from models.imports.csv_file import Row
from models.imports.csv_rows import Refusal
from models.imports.reading import already_used, skus_of
from models.imports.tables import Chunk, Import, Refused, Repeat

COUNTS = ("created", "updated", "unchanged", "refused")
PORTION_ROWS = 50
Part = dict[str, Any]
"""Rows as JSON: those of a chunk, or one of them."""


@dataclass
class _Taken:
    """A chunk that is being imported, what is kept beside it, and the counts so far.

    `repeats`: line of a row → the further rows with its SKU, in order. `first_lines`: line of such a row → its key.
    """

    made: Import
    chunk: Part
    kinds: catalogue.Kinds
    repeats: dict[int, list[Part]] = field(default_factory=dict)
    first_lines: dict[int, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def result(self) -> dict[str, int]:
        return {name: self.counts[name] for name in COUNTS}


def import_chunk(session: Session, import_id: str, number: int) -> dict[str, int]:
    """Imports a chunk and deletes it. Refused rows are stored with their reasons.

    Of the rows with one SKU, the first one that is not refused is imported. Returns the numbers of created, updated,
    unchanged and refused rows.
    """
    taken = _take(session, import_id, number)
    parts = [taken.chunk]
    while parts:
        parts = _import(session, taken, parts)
    return taken.result


def import_chunk_in_portions(
    session: Session, import_id: str, number: int, *, suspects: Collection[int], is_alone: Callable[[int], bool],
    before_each: Callable[[int, int], None],
) -> dict[str, int]:  # fmt: skip
    """Imports a chunk as `import_chunk` does, in portions of up to PORTION_ROWS rows.

    `before_each` is called before each portion with its first and last line. A row on a line for which `is_alone` is
    true is a portion by itself. The rows on the lines `suspects` are refused unread.
    """

    def alone(line: int) -> bool:
        return line in suspects or is_alone(line)

    taken = _take(session, import_id, number)
    for portion in _split(taken.made, taken.chunk, alone):
        waiting = deque([[portion]])
        while waiting:
            parts = waiting.popleft()
            lines = [line for part in parts for line in _lines(part)]
            if lines[0] in suspects:
                parts = [_refuse(taken.made, parts[0], "The row could not be imported: a worker failed twice at it.")]
            before_each(min(lines), max(lines))
            waiting += _portions(_import(session, taken, parts), alone)
    return taken.result


def drop_chunk(session: Session, import_id: str, number: int, reason: str) -> dict[str, int]:
    """Deletes a chunk without importing it. Its rows are refused with this reason."""
    taken = _take(session, import_id, number)
    parts = [taken.chunk]
    while parts:
        parts = _import(session, taken, [_refuse(taken.made, part, reason) for part in parts])
    return taken.result


def _take(session: Session, import_id: str, number: int) -> _Taken:
    gone = delete(Chunk).where(Chunk.import_id == import_id, Chunk.number == number).returning(Chunk.body)
    taken = _Taken(
        session.get_one(Import, import_id), json.loads(session.scalars(gone).one()), catalogue.read_kinds(session)
    )
    kept = delete(Repeat).where(Repeat.import_id == import_id, Repeat.chunk == number)
    repeats = session.execute(kept.returning(Repeat.line, Repeat.first_line, Repeat.body)).all()
    for line, first_line, body in sorted(repeats):
        taken.repeats.setdefault(first_line, []).append(json.loads(body))
        taken.first_lines[line] = first_line
    return taken


def _lines(part: Part) -> list[int]:
    return [line for line, _, *context in part["rows"] if not context] or [line for line, *_ in part["refused"]]


def _portions(parts: Iterable[Part], alone: Callable[[int], bool]) -> Iterator[list[Part]]:
    """Parts of one row in portions: one that is alone, or up to PORTION_ROWS others."""
    left = deque(parts)
    while left:
        portion = [left.popleft()]
        if not alone(_lines(portion[0])[0]):
            while left and len(portion) < PORTION_ROWS and not alone(_lines(left[0])[0]):
                portion.append(left.popleft())
        yield portion


def _split(made: Import, chunk: Part, alone: Callable[[int], bool]) -> Iterator[Part]:
    """The chunk as smaller ones, each of a row that is alone, or of up to PORTION_ROWS others."""
    head = chunk["head"]
    title = made.options["columns"].index("Title") if made.format == "shopify" else None
    for kind in ("refused", "rows"):
        left = deque(chunk[kind])
        while left:
            portion = [left.popleft()]
            is_context = kind == "rows" and len(portion[0]) > 2
            if not is_context:
                if not alone(portion[0][0]):
                    while left and len(portion) < PORTION_ROWS and not alone(left[0][0]):
                        portion.append(left.popleft())
                yield {"head": head, "rows": [], "refused": [], kind: portion}
            if kind == "rows" and title is not None:
                head = next((row[1] for row in reversed(portion) if row[1][title]), head)


def _refuse(made: Import, part: Part, reason: str) -> Part:
    skus = skus_of(made.format, made.options["columns"], part["head"], part["rows"])
    return {**part, "rows": [], "refused": [*part["refused"], *([line, sku, reason] for line, sku in skus)]}


def _import(session: Session, taken: _Taken, parts: Sequence[Part]) -> list[Part]:
    """Imports rows with distinct SKUs: products, and opening stock of new ones. Stores the refused ones.

    Returns the rows to import next: for each refused row, the next one with its SKU. Rows with the SKU of an imported
    one are refused.
    """
    refused: list[Refusal] = []
    rows: list[Row] = []
    for part in parts:
        for row in _read(taken, part):
            rows.append(row) if isinstance(row, Row) else refused.append(row)
    lines = [*(row.line for row in rows), *(row.line for row in refused)]
    _import_rows(session, rows, taken.made.id, taken.counts, refused)
    following = _following(taken, lines, refused)
    taken.counts["refused"] += len(refused)
    if refused:
        values = [{"import_id": taken.made.id, "line": r.line, "sku": r.sku, "reason": r.reason} for r in refused]
        session.execute(insert(Refused), values)
    return following


def _following(taken: _Taken, lines: Iterable[int], refused: list[Refusal]) -> list[Part]:
    following = []
    without = {refusal.line for refusal in refused}
    for line in lines:
        waiting = taken.repeats.get(taken.first_lines.get(line, line))
        if waiting and line in without:
            following.append(waiting.pop(0))
        elif waiting:
            late = [_refuse(taken.made, part, already_used(line)) for part in waiting]
            refused += [Refusal(*row) for part in late for row in part["refused"]]
            waiting.clear()
    return following


def _import_rows(
    session: Session, rows: list[Row], reference: str, counts: Counter[str], refused: list[Refusal]
) -> None:
    """Imports the rows. On an error, bisects them to find the rows that cannot be imported."""
    if not rows:
        return
    try:
        with session.begin_nested():
            groups = catalogue.find_or_create_groups(session, [row.group for row in rows if row.group])
            wanted = {row.draft.sku: row.group for row in rows if row.group}
            places = catalogue.find_places(session, groups, wanted)
            done = catalogue.upsert_products(
                session, [row.draft for row in rows if row.draft.sku not in places.refused]
            )
            given = {done.ids[sku]: place for sku, place in places.given.items() if sku in done.ids}
            grouped = catalogue.put_into_places(session, given, done.written) - done.written
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
    counts.update(created=done.created, updated=done.updated + len(grouped), unchanged=done.unchanged - len(grouped))
    for row in rows:
        if row.draft.sku in places.refused:
            refused.append(Refusal(row.line, row.draft.sku, places.refused[row.draft.sku].detail))
        if row.draft.sku in done.kind_conflicts:
            reason = f"kind: The product is of kind {done.kind_conflicts[row.draft.sku]}; the kind cannot be changed."
            refused.append(Refusal(row.line, row.draft.sku, reason))


def _read(taken: _Taken, chunk: Part) -> Iterator[Row | Refusal]:
    for refused in chunk["refused"]:
        yield Refusal(*refused)
    yield from parse_rows(taken.made.format, taken.made.options, chunk["head"], chunk["rows"], taken.kinds)


def parse_rows(
    form: str,
    options: Mapping[str, Any],
    head: list[str] | None,
    rows: Iterable[Sequence[Any]],
    kinds: catalogue.Kinds = catalogue.BUILT_IN_KINDS,
) -> Iterator[Row | Refusal]:
    """Parses rows, [line, cells] or [line, cells, CONTEXT], into products, or refusals with the reasons.

    `options`: the columns, and the default kind. `head`: the first row of the Shopify product with which they continue.
    """
    columns = options["columns"]
    if form != "shopify":
        for line, cells, *_ in rows:
            yield native_csv.parse_row(columns, line, cells, kinds)
        return
    for line, row in shopify_csv.complete_rows(columns, head, rows):
        yield shopify_csv.parse_row(row, line, options["kind"], kinds)
