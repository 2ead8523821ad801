"""Views of transfers between warehouses, and of the stock of one product."""

from typing import Any

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.pagination import Page, page, page_of
from api.http.prefer_wait import WaitResult, may_wait
from api.inventory.blueprint import blueprint
from api.inventory.transfer_schemas import (
    AcceptedTransfer,
    NewTransfer,
    NewTransferBody,
    ProductStock,
    Transfer,
    TransferQuery,
    TransferReceipt,
    TransferReceiptBody,
)
from api.tasks.accepted import LOCATION, TaskAnswer, accept
from durable import queries
from durable.tables import RunRecord
from models import inventory
from models.core.database import transaction


def _of_run(session: Session, run: RunRecord) -> object:
    return _views(session, [inventory.get_transfer(session, run.input["transfer_id"])])[0]


WAIT_RESULT = WaitResult(Transfer, "transfer", _of_run)
DECIDED = WaitResult(Transfer, "transfer", _of_run, status=200, reports_refusal=False)


@blueprint.route("/transfers")
class TransfersView(MethodView):
    @allowed("stock:read")
    @blueprint.arguments(TransferQuery, location="query")
    @blueprint.response(200, page_of(Transfer))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns transfers, newest first."""
        chosen = {name: query.pop(name) for name in ("status", "warehouse_id") if name in query}
        with transaction() as session:
            found = page(session, inventory.select_transfers(**chosen), inventory.Transfer.id.desc(), **query)
            found["data"] = _views(session, found["data"])
        return found

    @allowed("stock:write")
    @error_codes("not_found", "insufficient_stock", "capacity_exceeded", "warehouse_closed", "transfer_cancelled")
    @blueprint.arguments(NewTransfer)
    @may_wait(WAIT_RESULT)
    @idempotent()
    @blueprint.response(202, AcceptedTransfer, headers=LOCATION)
    def post(self, session: Session, body: NewTransferBody) -> TaskAnswer:
        """Transfers goods to another warehouse. The task ends when they are received.

        Only available units can be transferred. Their capacity in the target is reserved immediately.
        """
        lines = {line["product_id"]: line["quantity"] for line in body["lines"]}
        transfer = inventory.request_transfer(
            session, body["source_id"], body["target_id"], lines, owner=g.principal.user_id
        )
        return _accepted(session, transfer)


@blueprint.route('/transfers/<id("tfr"):transfer_id>')
class TransferView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, Transfer)
    def get(self, transfer_id: str) -> dict[str, object]:
        """Returns a transfer with its lines."""
        with transaction() as session:
            return _views(session, [inventory.get_transfer(session, transfer_id)])[0]


@blueprint.route('/transfers/<id("tfr"):transfer_id>/receive')
class ReceiveTransferView(MethodView):
    @allowed("stock:write")
    @error_codes("wrong_state", "more_than_sent")
    @blueprint.arguments(TransferReceipt, required=False)
    @may_wait(DECIDED)
    @idempotent()
    @blueprint.response(202, AcceptedTransfer, headers=LOCATION)
    def post(self, session: Session, body: TransferReceiptBody, transfer_id: str) -> TaskAnswer:
        """Records which goods of a transfer have arrived; its task takes them into stock.

        What has not arrived is written off, and staff are notified. There is one receipt of a transfer.
        """
        lines = {line["product_id"]: line["quantity"] for line in body["lines"]} if "lines" in body else None
        return _accepted(session, inventory.receive_transfer(session, transfer_id, lines, g.principal.user_id))


@blueprint.route('/transfers/<id("tfr"):transfer_id>/cancel')
class CancelTransferView(MethodView):
    @allowed("stock:write")
    @error_codes("wrong_state")
    @may_wait(DECIDED)
    @idempotent()
    @blueprint.response(202, AcceptedTransfer, headers=LOCATION)
    def post(self, session: Session, transfer_id: str) -> TaskAnswer:
        """Cancels a transfer that was not received. Its task puts the goods back into the source."""
        return _accepted(session, inventory.cancel_transfer(session, transfer_id, g.principal.user_id))


@blueprint.route('/products/<id("prd"):product_id>/stock')
class ProductStockView(MethodView):
    @allowed("stock:read")
    @blueprint.response(200, ProductStock)
    def get(self, product_id: str) -> dict[str, object]:
        """Returns the stock of a product in each warehouse that has had any, or to which units are in transit."""
        with transaction() as session:
            return {"product_id": product_id, "data": inventory.list_product_levels(session, product_id)}


def _accepted(session: Session, transfer: inventory.Transfer) -> TaskAnswer:
    run = queries.get_run(session, transfer.run_id)
    return accept(run, status=run.status, transfer_id=transfer.id)


def _views(session: Session, found: list[inventory.Transfer]) -> list[dict[str, object]]:
    lines = inventory.get_transfer_lines(session, [transfer.id for transfer in found])
    names = (
        "id", "source_id", "target_id", "status", "run_id", "created_at", "updated_at", "received_at", "cancelled_at",
    )  # fmt: skip
    return [{**{n: getattr(transfer, n) for n in names}, "lines": lines[transfer.id]} for transfer in found]
