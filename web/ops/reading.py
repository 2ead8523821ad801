"""The steps and attempts of a run, as far as pages show them: an import can have thousands, each with its output."""

from collections.abc import Sequence

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session

from durable.tables import AttemptRecord, StepRecord, StepRow

LISTED = 300
"""How many steps, and how many attempts, a page lists: the newest."""

_LARGE = ("output", "request", "progress")
_COLUMNS = StepRecord.__table__.columns
_IS_NEW = func.row_number().over(order_by=(_COLUMNS.started_at.desc(), _COLUMNS.name.desc())) <= LISTED


def read_steps(session: Session, run_id: str) -> Sequence[StepRow]:
    """All steps of a run, in order of their start. Items of an `Each` have their data only if they are LISTED."""
    has_data = or_(_IS_NEW, ~_COLUMNS.name.contains("["))
    shown = [
        case((has_data, column)).label(column.name) if column.name in _LARGE else column
        for column in _COLUMNS
        if column.name != "run_id"
    ]
    return session.execute(
        select(*shown).where(_COLUMNS.run_id == run_id).order_by(_COLUMNS.started_at, _COLUMNS.name)
    ).all()  # fmt: skip


def read_attempts(session: Session, run_id: str) -> tuple[Sequence[AttemptRecord], bool]:
    """The newest attempts of a run that failed or were repeated, oldest first, and whether there are older ones."""
    chosen = select(AttemptRecord).where(AttemptRecord.run_id == run_id)
    newest = AttemptRecord.ended_at.desc(), AttemptRecord.number.desc(), AttemptRecord.step.desc()
    found = session.scalars(chosen.order_by(*newest).limit(LISTED + 1)).all()
    return found[:LISTED][::-1], len(found) > LISTED
