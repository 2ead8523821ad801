"""Queries for imports and their refused rows."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from models.core.errors import NotFound
from models.imports.tables import Import, Refused

MAX_LISTED_REFUSALS = 100
"""Maximum refused rows in a task's result."""


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
