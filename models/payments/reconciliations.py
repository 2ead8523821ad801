"""Reconciliations and their differences: recording, reading and counting them."""

from sqlalchemy import Select, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.core.errors import NotFound
from models.payments.tables import REPAIRABLE, Difference, Reconciliation


def add_differences(session: Session, rows: list[dict[str, object]]) -> None:
    """Records differences. Those that are recorded already are not changed."""
    if rows:
        session.execute(insert(Difference).on_conflict_do_nothing(), rows)


def get_reconciliation(session: Session, reconciliation_id: str) -> Reconciliation:
    """Raises NotFound, also while it is in progress."""
    found = session.get(Reconciliation, reconciliation_id)
    if found is None:
        raise NotFound("No such reconciliation.")
    return found


def select_newest_reconciliation() -> Select[str]:
    """The id of the newest reconciliation."""
    return select(Reconciliation.id).order_by(Reconciliation.id.desc()).limit(1)


def select_differences(
    reconciliation_id: str, kind: str | None = None, is_open: bool | None = None
) -> Select[Difference]:
    """The differences of a reconciliation, or those of a kind. `is_open`: only those that are not repaired, or that
    are. The caller orders them."""
    query = select(Difference).where(Difference.reconciliation_id == reconciliation_id)
    if kind is not None:
        query = query.where(Difference.kind == kind)
    if is_open is not None:
        open_ones = Difference.repair.is_distinct_from("done")
        query = query.where(open_ones if is_open else ~open_ones)
    return query


def differences_after(
    session: Session, reconciliation_id: str, last: Difference | None, limit: int
) -> list[Difference]:
    """The next differences of a reconciliation after `last`, by kind; None starts at the beginning."""
    query = select(Difference).where(Difference.reconciliation_id == reconciliation_id)
    if last is not None:
        query = query.where(
            tuple_(Difference.kind, Difference.subject) > tuple_(literal(last.kind), literal(last.subject))
        )
    return list(session.scalars(query.order_by(Difference.kind, Difference.subject).limit(limit)))


def select_open_repairs(reconciliation_id: str, limit: int) -> Select[str]:
    """The subjects of differences that are yet to be repaired."""
    return (
        select(Difference.subject)
        .where(
            Difference.reconciliation_id == reconciliation_id,
            Difference.kind.in_(REPAIRABLE),
            Difference.repair.is_(None),
        )
        .order_by(Difference.subject)
        .limit(limit)
    )


def count_differences(session: Session, reconciliation_id: str) -> dict[str, int]:
    """All differences, the repaired ones, and those of each kind that occurs."""
    repaired = func.count().filter(Difference.repair == "done")
    query = select(Difference.kind, func.count(), repaired).where(Difference.reconciliation_id == reconciliation_id)
    rows = session.execute(query.group_by(Difference.kind).order_by(Difference.kind)).all()
    counted = {"differences": sum(row[1] for row in rows), "repaired": sum(row[2] for row in rows)}
    return {**counted, **{row[0]: row[1] for row in rows}}
