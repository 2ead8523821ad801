"""Transfers between warehouses: the list, and starting, receiving and cancelling one."""

from collections.abc import Callable
from typing import Any

from flask import Response, g, url_for
from sqlalchemy.orm import Session

from api.inventory.transfer_schemas import NewTransfer, TransferQuery, TransferReceipt
from models import inventory
from models.core.database import transaction
from serving.pages import page
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.sending import Outcome, load, pieces, read_outcome, send, text, whole
from web.desk.stock import act_on_stock

TRANSFER = '/transfers/<id("tfr"):transfer_id>'


@desk.get("/transfers")
@access.allowed("stock:read")
def transfers_page() -> Response:
    """The list of transfers, newest first."""
    return _show(read_outcome())


@desk.post('/stock/<id("prd"):product_id>/transfer')
@takes_form
@access.allowed("stock:write")
def transfer(product_id: str) -> Response:
    """Sends units of a product to another warehouse."""

    def work(session: Session) -> str:
        lines = [{"product_id": product_id, "quantity": whole(text("quantity"))}]
        body: Any = load(NewTransfer(), **{"from": text("from"), "to": text("to")}, lines=lines)
        return inventory.request_transfer(
            session, body["source_id"], body["target_id"], {product_id: body["lines"][0]["quantity"]},
            owner=g.principal.user_id,
        ).run_id  # fmt: skip

    return act_on_stock(product_id, "transferring", work)


@desk.post(f"{TRANSFER}/receive")
@takes_form
@access.allowed("stock:write")
def receive_transfer(transfer_id: str) -> Response:
    """Records which goods of a transfer have come; what is missing is written off."""

    def work(session: Session) -> str:
        body: Any = load(TransferReceipt(), lines=pieces())
        lines = {line["product_id"]: line["quantity"] for line in body["lines"]} if "lines" in body else None
        return inventory.receive_transfer(session, transfer_id, lines, g.principal.user_id).run_id

    return _act("transfer_received", work)


@desk.post(f"{TRANSFER}/cancel")
@takes_form
@access.allowed("stock:write")
def cancel_transfer(transfer_id: str) -> Response:
    """Cancels a transfer that was not received."""
    return _act(
        "transfer_cancelled",
        lambda session: inventory.cancel_transfer(session, transfer_id, g.principal.user_id).run_id,
    )


def _act(done: str, work: Callable[[Session], str]) -> Response:
    def address(session: Session) -> str:
        return url_for("desk.transfers_page", done=done, task=work(session))

    return send(address, _show)


def _show(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(TransferQuery(), "status", "warehouse_id")
    found: Any = {"data": [], "next_cursor": None}
    with transaction() as session:
        if filters.values is not None:
            chosen = inventory.select_transfers(**filters.values)
            found = page(session, chosen, inventory.Transfer.id.desc(), **filters.place)
        lines = inventory.get_transfer_lines(session, [one.id for one in found["data"]])
        warehouses = {one.id: one.name for one in session.scalars(inventory.select_warehouses())}
    return show(
        "transfers.html", status, section="desk.transfers_page", transfers=found["data"], cursor=found["next_cursor"],
        filters=filters, lines=lines, warehouses=warehouses, outcome=outcome,
        statuses=inventory.TRANSFER_STATUS.statuses,
    )  # fmt: skip
