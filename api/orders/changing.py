"""Orders that a customer changes, or staff for a customer."""

from flask import g
from sqlalchemy.orm import Session

from api.http.audit_log import emit_action
from models import orders


def get_changeable_order(session: Session, order_id: str) -> orders.Order:
    """The order, for a change that its customer may make. That of others requires `orders:write`, and is recorded in
    the audit log. Raises NotFound and NotAllowed."""
    order = orders.get_changeable_order(session, order_id, g.principal)
    if order.user_id != g.principal.user_id:
        emit_action(session, orders.WRITE)
    return order
