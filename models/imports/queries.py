"""Queries for imports and their refused rows."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from durable.ids import first_id
from durable.tables import StepRecord
from models.core.errors import NotFound
from models.imports.chunks import COUNTS
from models.imports.csv_file import MAX_COLUMN_NAME
from models.imports.tables import Import, Refused

_CHUNK_STEP = "catalogue.take["
"""How the names of the steps begin that import the chunks."""
MAX_LISTED_REFUSALS = 100
"""Maximum refused rows in a task's result."""


def get(session: Session, import_id: str) -> Import:
    """Returns an import. Raises NotFound."""
    found = session.get(Import, import_id)
    if found is None:
        raise NotFound("No such import.")
    return found


def count_so_far(session: Session, made: Import) -> dict[str, int]:
    """How many rows an import has created, updated, left unchanged, refused and dropped until now.

    While it is under way, these are the sums of the chunks that are done: the import's own counts are final.
    """
    final = {name: getattr(made, name) for name in (*COUNTS, "dropped")}
    if made.finished_at is not None:
        return final
    sums = (func.coalesce(func.sum(StepRecord.output[name].as_integer()), 0).label(name) for name in COUNTS)
    done = StepRecord.run_id == made.run_id, StepRecord.name.startswith(_CHUNK_STEP), StepRecord.status == "done"
    return {**final, **session.execute(select(*sums).where(*done)).mappings().one()}


def select_imports(refused_since: date | None = None) -> Select[Any]:
    """The query for all imports, or for those since a day (UTC) that were refused or have refused rows. The
    caller orders it."""
    query = select(Import)
    if refused_since is None:
        return query
    began = datetime.combine(refused_since, datetime.min.time(), UTC)
    newer = Import.id >= f"imp_{first_id(began)}"
    return query.where(newer, Import.created_at >= began, or_(Import.refused > 0, Import.status == "refused"))


def list_columns_not_taken(made: Import) -> list[dict[str, Any]]:
    """The columns with values that an import does not take, in the order of the file, each with its number of rows.

    At most as many as a file has columns.
    """
    names = dict.fromkeys(name[:MAX_COLUMN_NAME] for name in made.options.get("columns", ()))
    return [{"column": name, "rows": made.not_taken[name]} for name in names if name in made.not_taken]


def list_refusals(session: Session, import_id: str, line: int, limit: int) -> Sequence[Refused]:
    """The next refused rows after `line`."""
    behind = select(Refused).where(Refused.import_id == import_id, Refused.line > line)
    return session.scalars(behind.order_by(Refused.line).limit(limit)).all()
