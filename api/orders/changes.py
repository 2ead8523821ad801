"""Views of what happens to an order after its checkout: cancellation, history and credit notes."""

from typing import Any

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import user_or_api_key
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.prefer_wait import WaitResult, may_wait
from api.orders.blueprint import blueprint
from api.orders.changing import get_changeable_order
from api.orders.schemas import AcceptedCancellation, Cancel, CancelBody, CreditNotes, History, Order
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import fulfilment, orders
from models.core.database import transaction
from serving.orders import order_views


def _order(session: Session, run: RunRecord) -> object:
    return order_views(session, [orders.get(session, run.input["order_id"])], g.principal)[0]


@blueprint.route('/orders/<id("ord"):order_id>/cancel')
class CancelView(MethodView):
    @user_or_api_key
    @error_codes("wrong_state", "has_parcels", "nothing_to_cancel", "payment_disputed", "not_allowed")
    @blueprint.arguments(Cancel, required=False)
    @may_wait(WaitResult(Order, "order", _order, status=200))
    @idempotent()
    @blueprint.response(202, AcceptedCancellation, headers=LOCATION)
    def post(self, session: Session, body: CancelBody, order_id: str) -> TaskAnswer:
        """Cancels a confirmed order or some of its pieces: releases their stock, voids or refunds their payment, and
        issues a credit note.

        Pieces in a parcel cannot be cancelled. Customers can cancel until the order is being processed, staff
        (`orders:write`) until it is shipped. Cancels a checkout, too; the task is the checkout's then, and succeeds if
        the order was about to be confirmed.
        """
        order = get_changeable_order(session, order_id)
        is_staff = orders.WRITE in g.principal.permissions
        if order.status == "pending" and "lines" not in body:
            run_id = orders.give_up(session, order_id)
        else:
            lines: Any = {line["product_id"]: line["quantity"] for line in body["lines"]} if "lines" in body else None
            _, run_id = fulfilment.cancel_pieces(
                session, order_id, lines=lines, actor=g.principal.user_id, is_staff=is_staff, reason=body.get("reason")
            )
        return accept(queries.get_run(session, run_id), order_id=order_id)


@blueprint.route('/orders/<id("ord"):order_id>/history')
class HistoryView(MethodView):
    @user_or_api_key
    @blueprint.response(200, History)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns all changes of the order's status, oldest first."""
        with transaction() as session:
            order = orders.get_visible_order(session, order_id, g.principal)
            return {"data": orders.list_changes(session, order)}


@blueprint.route('/orders/<id("ord"):order_id>/credit-notes')
class CreditNotesView(MethodView):
    @user_or_api_key
    @blueprint.response(200, CreditNotes)
    def get(self, order_id: str) -> dict[str, object]:
        """Returns the credit notes of an order, oldest first."""
        with transaction() as session:
            order = orders.get_visible_order(session, order_id, g.principal)
            return {"data": [_note(note, order.currency) for note in orders.list_credit_notes(session, order_id)]}


def _note(note: orders.CreditNote, currency: str) -> dict[str, object]:
    lines = [{**line, "unit_price": {"amount": line["unit_price"], "currency": currency}} for line in note.lines]
    same = {name: getattr(note, name) for name in ("id", "number", "order_id", "reason", "issued_at")}
    return {**same, "amount": {"amount": note.amount, "currency": currency}, "lines": lines}
