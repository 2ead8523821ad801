"""Finding the runs that have to do with an order.

A run is keyed by what it is about, or by the event that started it, so that each is found by an index.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select, text
from sqlalchemy.orm import Session

from durable import queries
from durable.tables import RunRecord
from models.core.event_log import Event
from models.fulfilment import Parcel
from models.payments import Payment, Transaction
from models.returns import Return

# The unique index begins with the workflow: this reads one entry of it per workflow.
_WORKFLOWS = text("""
    WITH RECURSIVE known (workflow) AS (
        (SELECT workflow FROM workflow.run ORDER BY workflow LIMIT 1) UNION ALL
        SELECT (SELECT workflow FROM workflow.run WHERE run.workflow > known.workflow ORDER BY workflow LIMIT 1)
        FROM known WHERE known.workflow IS NOT NULL
    )
    SELECT workflow FROM known WHERE workflow IS NOT NULL
""")


def find_runs(session: Session, *, order_id: str | None = None, **filters: Any) -> Select[RunRecord]:
    """The query for runs, those about an order if it is given. For the other filters see `durable.queries`."""
    query = queries.find_runs(**filters)
    return query.where(is_about(session, [order_id])) if order_id else query


def is_about(session: Session, order_ids: Sequence[str]) -> ColumnElement[bool]:
    """The condition for runs about these orders, their payments, parcels and returns."""
    return has_key(session, _keys(session, order_ids))


def has_key(session: Session, keys: Sequence[str]) -> ColumnElement[bool]:
    """The condition for runs with one of these keys, of any workflow."""
    known = session.scalars(_WORKFLOWS).all()
    return RunRecord.workflow.in_(known) & RunRecord.key.in_(keys)


def _keys(session: Session, order_ids: Sequence[str]) -> list[str]:
    paid = select(Payment.id).where(Payment.order_id.in_(order_ids))
    subjects = [
        *order_ids,
        *session.scalars(paid),
        *session.scalars(select(Parcel.id).where(Parcel.order_id.in_(order_ids))),
        *session.scalars(select(Return.id).where(Return.order_id.in_(order_ids))),
    ]
    transactions = session.scalars(select(Transaction.id).where(Transaction.payment_id.in_(paid)))
    events = session.scalars(select(Event.id).where(Event.subject.in_(subjects)))
    return [*subjects, *transactions, *events]
