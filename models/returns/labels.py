"""Labels of returns: for the way back, and what the carrier reports of it. Lock order: run → order → return."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from models import fulfilment, orders
from models.returns.requesting import get_return, list_lines, lock_return
from models.returns.tables import RETURN_STATUS, Return
from settings import settings

ON_ITS_WAY = (*fulfilment.MOVING, "delivered")
"""The carrier's statuses of goods that were sent. They count as received when staff has looked at them."""
FOLLOWED = 20  # returns with the same tracking number


def get_label_request(session: Session, return_id: str) -> fulfilment.LabelRequest | None:
    """What the carrier is asked for an approved return: a label to the default warehouse.

    None if the return is not approved or has a label, if the shop has no carrier or no address, or if the customer's
    address was erased. Raises NotFound.
    """
    made = get_return(session, return_id)
    order = orders.get(session, made.order_id)
    can_buy = settings.carrier_api_key and "line1" in order.address and fulfilment.has_sender(session, None)
    if made.status != "approved" or made.label is not None or not can_buy:
        return None
    goods = {line.product_id: line.quantity for line in list_lines(session, [return_id])[return_id]}
    return fulfilment.describe_shipment(session, order, None, goods, reference=return_id, is_return=True)


def record_label(session: Session, return_id: str, label: fulfilment.Label | None, error: str | None) -> None:
    """Records the label of a return, or why the carrier has sold none."""
    made = lock_return(session, return_id)
    if label is not None:
        fulfilment.note_label(made, label)
    made.label_error = error[:500] if error else None
    session.flush()


def list_tracked(session: Session, tracking_number: str) -> Sequence[str]:
    """The newest returns with this tracking number."""
    query = select(Return.id).where(Return.tracking_number == tracking_number).order_by(Return.id.desc())
    return session.scalars(query.limit(FOLLOWED)).all()


def follow(session: Session, return_id: str) -> Return:
    """Moves an approved return whose goods are on their way, by the newest update of the carrier."""
    made = lock_return(session, return_id, with_run=True)
    newest = fulfilment.get_newest_update(session, made.tracking_number) if made.tracking_number else None
    if newest is not None and newest.status in ON_ITS_WAY and made.status == "approved":
        RETURN_STATUS.move(made, "in_transit")
        session.flush()
    return made
