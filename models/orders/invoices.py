"""Invoices: an order is confirmed and its invoice numbered in one statement, without gaps. Staff change the status."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Integer, Row, String, bindparam, select, text
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models import reports
from models.core import event_log
from models.core.errors import NotFound
from models.core.events import OrderConfirmed
from models.orders.queries import lock
from models.orders.tables import INVOICE_STATUS, ORDER_STATUS, Invoice

# Only a pending order gets an invoice number.
_CONFIRM = (
    text(f"""
    WITH confirmed AS (
        UPDATE orders."order" SET status = 'confirmed', confirmed_at = now()
        WHERE id = :order_id AND {ORDER_STATUS.may_become("confirmed")} RETURNING user_id
    ), counted AS (
        INSERT INTO orders.invoice_counter AS counter (year, last) SELECT :year, 1 FROM confirmed
        ON CONFLICT (year) DO UPDATE SET last = counter.last + 1
        RETURNING year || '-' || lpad(last::text, greatest(6, length(last::text)), '0') AS number
    ), invoice AS (
        INSERT INTO orders.invoice (id, number, order_id) SELECT :invoice_id, number, :order_id FROM counted
        RETURNING id, number
    ), sold AS (
        {reports.CONFIRMED}
    )
    SELECT user_id, id, number FROM confirmed, invoice
""")  # noqa: S608, our own words
    .bindparams(
        bindparam("order_id", type_=Id("ord")),
        bindparam("invoice_id", type_=Id("inv")),
        bindparam("year", type_=Integer),
    )
    .columns(user_id=Id("usr"), id=Id("inv"), number=String)
)


def confirm(session: Session, order_id: str) -> Row[str, str, str]:
    """Confirms a pending order and numbers its invoice. Returns the invoice's id and number, and the user's id.

    Invoice numbers have no gaps: the year's counter is locked until the caller commits, so call this last. Raises
    Conflict `wrong_state` if the order is not pending.
    """
    year = datetime.now(UTC).year
    values = {"order_id": order_id, "invoice_id": new_id("inv"), "year": year}
    invoice = session.connection().execute(_CONFIRM, values).one_or_none()
    if invoice is None:
        raise ORDER_STATUS.refusal(lock(session, order_id).status)
    event_log.emit(session, OrderConfirmed(order_id=order_id, user_id=invoice.user_id))
    return invoice


def get_invoice(session: Session, order_id: str) -> Invoice:
    """The invoice of an order. Raises NotFound while there is none."""
    return _one(session.scalars(select(Invoice).where(Invoice.order_id == order_id)).one_or_none())


def find_invoice(session: Session, order_id: str) -> Invoice | None:
    """The invoice of an order; None until it is confirmed."""
    return session.scalars(select(Invoice).where(Invoice.order_id == order_id)).one_or_none()


def change_invoice_status(session: Session, order_id: str, status: str) -> Invoice:
    """Gives an invoice a new status. Raises NotFound, and Conflict `wrong_state`."""
    locked = select(Invoice).where(Invoice.order_id == order_id).with_for_update()
    invoice = _one(session.scalars(locked).one_or_none())
    INVOICE_STATUS.move(invoice, status)
    session.flush()
    return invoice


def _one(invoice: Invoice | None) -> Invoice:
    if invoice is None:
        raise NotFound("This order has no invoice.")
    return invoice


_INVOICES = select(Invoice.order_id, Invoice.number).where(Invoice.order_id.in_(bindparam("order_ids", expanding=True)))


def list_invoice_numbers(session: Session, order_ids: Sequence[str]) -> dict[str, str]:
    """Order id → the number of its invoice, of those orders that have one."""
    return dict(session.execute(_INVOICES, {"order_ids": list(order_ids)}).all())
