"""The end of an import: finished, refused or cancelled. Nothing of the file is kept."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

import durable
from models.imports.chunks import COUNTS
from models.imports.csv_rows import ImportTooLarge, NotACatalogue
from models.imports.queries import MAX_LISTED_REFUSALS, get, list_columns_not_taken, list_refusals
from models.imports.reading import delete_file
from models.imports.tables import IMPORT_STATUS, Chunk, Import, Repeat

FAULTS = (NotACatalogue.code, ImportTooLarge.code)
"""Codes of errors for which an import is refused."""


def cancel_import(session: Session, import_id: str) -> Import:
    """Cancels an import: what was imported stays, the rest is dropped. Again: no effect.

    Raises NotFound, and Conflict `wrong_state` if it has ended.
    """
    made = get(session, import_id)
    IMPORT_STATUS.check(made.status, "cancelled")
    try:
        durable.cancel(session, made.run_id)
    except durable.RunConflict as error:
        if error.code != "run_compensating":
            raise
    return made


def finish_import(session: Session, import_id: str, parts: Iterable[Mapping[str, int]]) -> dict[str, Any]:
    """Adds up the chunks' counts and finishes the import. Returns the task's result."""
    made = session.get_one(Import, import_id)
    _add_up(made, parts)
    IMPORT_STATUS.move(made, "imported")
    return _result(session, made)


def close_import(
    session: Session, import_id: str, parts: Iterable[Mapping[str, int]], error: Mapping[str, Any]
) -> dict[str, Any]:
    """Closes an import that was refused or cancelled: drops what was not imported. Returns the task's result."""
    made = session.get_one(Import, import_id)
    _add_up(made, parts)
    IMPORT_STATUS.move(made, "refused" if error["code"] in FAULTS else "cancelled")
    made.dropped = made.rows - sum(getattr(made, name) for name in COUNTS)
    made.error = {name: value for name, value in error.items() if name not in ("status", "step")}
    for table in (Chunk, Repeat):
        session.execute(delete(table).where(table.import_id == import_id))
    delete_file(session, import_id)
    return _result(session, made)


def _add_up(made: Import, parts: Iterable[Mapping[str, int]]) -> None:
    sums: Counter[str] = Counter()
    for part in parts:
        sums.update(part)
    for name in COUNTS:
        setattr(made, name, sums[name])
    made.first_row, made.finished_at = None, datetime.now(UTC)


def _result(session: Session, made: Import) -> dict[str, Any]:
    first = list_refusals(session, made.id, 0, MAX_LISTED_REFUSALS)
    counts = {name: getattr(made, name) for name in ("rows", *COUNTS, "skipped", "dropped")}
    return {
        "import_id": made.id, "status": made.status, "format": made.format, **counts,
        "columns_not_taken": list_columns_not_taken(made),
        "refusals": [{"line": row.line, "sku": row.sku, "reason": row.reason} for row in first],
        "refusals_complete": made.refused <= MAX_LISTED_REFUSALS,
    }  # fmt: skip
