"""Views of returns."""

from collections.abc import Sequence
from typing import Any

from flask import Response, g
from flask.views import MethodView
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.fulfilment.labels import pdf_of
from api.http.auth import allowed, user_or_api_key
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.orders.changing import get_changeable_order
from api.returns.blueprint import blueprint
from api.returns.schemas import AcceptedReturn, NewReturn, NewReturnBody, Return, ReturnReceipt, ReturnRefusal
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import orders, returns
from models.core.database import transaction
from settings import settings


def _of_run(session: Session, run: RunRecord) -> object:
    return _views(session, [returns.get_return(session, run.input["return_id"])])[0]


WAIT_RESULT = WaitResult(Return, "return", _of_run, status=200, reports_refusal=False)


@blueprint.route('/orders/<id("ord"):order_id>/returns')
class OrderReturnsView(MethodView):
    @user_or_api_key
    @error_codes("return_period_over", "nothing_to_return", "exchange_too_expensive", "not_found", "not_allowed")
    @blueprint.arguments(NewReturn)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedReturn, headers=LOCATION)
    def post(self, session: Session, body: NewReturnBody, order_id: str) -> TaskAnswer:
        """Requests a return of delivered goods. Its task ends when the money is refunded, which may take weeks.

        Customers can request it for 14 days after the last delivery, staff (`orders:write`) at any time. With
        `exchange`, a replacement order is placed when the goods are received, and only the rest is refunded.
        """
        get_changeable_order(session, order_id)
        lines: dict[str, Any] = {str(line["product_id"]): line["quantity"] for line in body["lines"]}
        wanted: dict[str, Any] = {str(line["product_id"]): line["quantity"] for line in body.get("exchange", [])}
        sold = orders.lines_of(session, [order_id])[order_id]
        made = returns.request(
            session, order_id, lines, reason=body["reason"], comment=body.get("comment"), actor=g.principal.user_id,
            is_staff=orders.WRITE in g.principal.permissions,
            exchange=returns.freeze(session, sold, lines, wanted) if wanted else None,
        )  # fmt: skip
        return _accepted(session, made)


@blueprint.route("/returns")
class ReturnsView(MethodView):
    @user_or_api_key
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Return))
    def get(self, query: PageArgs) -> Page:
        """Returns your returns, newest first; with the permission `orders:read`, all returns."""
        chosen = select(returns.Return)
        if "orders:read" not in g.principal.permissions:
            chosen = chosen.where(returns.Return.user_id == g.principal.user_id)
        with transaction() as session:
            found = page(session, chosen, returns.Return.id.desc(), **query)
            found["data"] = _views(session, found["data"])
        return found


@blueprint.route('/returns/<id("ret"):return_id>')
class ReturnView(MethodView):
    @user_or_api_key
    @blueprint.response(200, Return)
    def get(self, return_id: str) -> dict[str, object]:
        """Returns a return with its lines."""
        with transaction() as session:
            return _views(session, [returns.get_visible_return(session, return_id, g.principal)])[0]


@blueprint.route('/returns/<id("ret"):return_id>/label')
class ReturnLabelView(MethodView):
    @user_or_api_key
    @blueprint.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
    def get(self, return_id: str) -> Response:
        """Returns the label for the way back as a PDF file. 404 without one, or if it was refunded."""
        with transaction() as session:
            made = returns.get_visible_return(session, return_id, g.principal)
        return pdf_of(made)


@blueprint.route('/returns/<id("ret"):return_id>/approve')
class ApproveView(MethodView):
    @allowed("orders:write")
    @error_codes("wrong_state")
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedReturn, headers=LOCATION)
    def post(self, session: Session, return_id: str) -> TaskAnswer:
        """Approves a return: buys a label for the way back if there is a carrier, and notifies the customer."""
        return _accepted(session, returns.approve(session, return_id))


@blueprint.route('/returns/<id("ret"):return_id>/refuse')
class RefuseView(MethodView):
    @allowed("orders:write")
    @error_codes("wrong_state")
    @blueprint.arguments(ReturnRefusal)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedReturn, headers=LOCATION)
    def post(self, session: Session, body: dict[str, str], return_id: str) -> TaskAnswer:
        """Refuses a return. The customer is notified, with the reason."""
        return _accepted(session, returns.refuse(session, return_id, body["reason"]))


@blueprint.route('/returns/<id("ret"):return_id>/receive')
class ReceiveView(MethodView):
    @allowed("orders:write")
    @error_codes("wrong_state", "nothing_to_return")
    @blueprint.arguments(ReturnReceipt)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedReturn, headers=LOCATION)
    def post(self, session: Session, body: dict[str, Any], return_id: str) -> TaskAnswer:
        """Records the goods of an approved return, which may be fewer or more than announced.

        Resellable goods are taken into stock, damaged ones are written off; what was received is refunded and credited.
        """
        return _accepted(session, returns.receive(session, return_id, body["lines"]))


def _accepted(session: Session, made: returns.Return) -> TaskAnswer:
    return accept(queries.get_run(session, made.run_id), return_id=made.id, order_id=made.order_id)


def _views(session: Session, found: Sequence[returns.Return]) -> list[dict[str, object]]:
    lines = returns.list_lines(session, [made.id for made in found])
    return [_view(made, lines[made.id]) for made in found]


def _view(made: returns.Return, lines: Sequence[returns.ReturnLine]) -> dict[str, object]:
    same = (
        "id", "order_id", "user_id", "status", "reason", "comment", "refused_because", "run_id", "created_at",
        "decided_at", "received_at", "replacement_order_id", "carrier", "tracking_number", "tracking_url",
        "label_error",
    )  # fmt: skip
    refund = None if made.refund is None else {"amount": made.refund, "currency": settings.currency}
    shown = [
        {"product_id": line.product_id, "quantity": line.quantity, "received": line.resellable + line.damaged,
         "resellable": line.resellable, "damaged": line.damaged}
        for line in lines
    ]  # fmt: skip
    wanted = [{name: line[name] for name in ("product_id", "sku", "title", "quantity")} for line in made.exchange or ()]
    return {
        **{name: getattr(made, name) for name in same}, "refund": refund, "lines": shown, "exchange": wanted or None,
        "label_url": f"/v1/returns/{made.id}/label" if made.has_usable_label else None,
    }  # fmt: skip
