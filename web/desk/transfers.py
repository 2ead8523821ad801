"""Transfers between warehouses: the list, and the page of one: starting, receiving and cancelling it."""

from typing import Any

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.inventory.transfer_schemas import NewTransfer, TransferQuery, TransferReceipt
from models import inventory
from models.core.database import transaction
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.lines import by_product, quantities_of, read_draft
from web.desk.pages import show
from web.desk.sending import Outcome, load, pieces, read_outcome, send, text, whole
from web.desk.stock import act_on_stock, list_warehouses

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


@desk.get("/transfers/new")
@access.allowed("stock:write")
def new_transfer() -> Response:
    """The form to send several products to another warehouse."""
    return _show_new(Outcome())


@desk.post("/transfers/new/lines")
@takes_form
@access.allowed("stock:write")
def edit_transfer_lines() -> Response:
    """The form to send products with one line more or less, or with what a search has found. Stores nothing."""
    return _show_new(Outcome())


@desk.post("/transfers/new")
@takes_form
@access.allowed("stock:write")
def send_products() -> Response:
    """Sends units of several products to another warehouse, all or none."""

    def work(session: Session) -> str:
        body: Any = load(NewTransfer(), **{"from": text("from"), "to": text("to")}, lines=quantities_of())
        lines = by_product(body["lines"])
        made = inventory.request_transfer(
            session, body["source_id"], body["target_id"], lines, owner=g.principal.user_id
        )
        return _address(made, "requested_transfer")

    return send(work, _show_new)


@desk.get(TRANSFER)
@access.allowed("stock:read")
def transfer_page(transfer_id: str) -> Response:
    """The page of a transfer: what was sent, and what has arrived."""
    return _show_one(transfer_id, read_outcome())


@desk.post(f"{TRANSFER}/receive")
@takes_form
@access.allowed("stock:write")
def receive_transfer(transfer_id: str) -> Response:
    """Records which goods of a transfer have come; what is missing is written off."""

    def work(session: Session) -> str:
        body: Any = load(TransferReceipt(), lines=pieces())
        lines = by_product(body.get("lines", []))
        made = inventory.receive_transfer(session, transfer_id, lines, g.principal.user_id)
        return _address(made, "transfer_received")

    return send(work, lambda outcome, status: _show_one(transfer_id, outcome, status))


@desk.post(f"{TRANSFER}/cancel")
@takes_form
@access.allowed("stock:write")
def cancel_transfer(transfer_id: str) -> Response:
    """Cancels a transfer that was not received."""

    def work(session: Session) -> str:
        return _address(inventory.cancel_transfer(session, transfer_id, g.principal.user_id), "transfer_cancelled")

    return send(work, lambda outcome, status: _show_one(transfer_id, outcome, status))


def _address(made: inventory.Transfer, done: str) -> str:
    return url_for("desk.transfer_page", transfer_id=made.id, done=done, task=made.run_id)


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    given = request.values
    with transaction() as session:
        draft, warehouses = read_draft(session), list_warehouses(session)
        source = given.get("from") or inventory.get_default_warehouse(session).id
    target = given.get("to") or next((one for one in warehouses if one != source), "")
    return show("transfer_new.html", status, section="desk.transfers_page", draft=draft, warehouses=warehouses,
                source=source, target=target, outcome=outcome)  # fmt: skip


def _show_one(transfer_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        made = inventory.get_transfer(session, transfer_id)
        lines = inventory.get_transfer_lines(session, [made.id])[made.id]
        warehouses = list_warehouses(session)
    is_undecided = not made.received_at and not made.cancelled_at
    return show("transfer.html", status, section="desk.transfers_page", transfer=made, lines=lines, outcome=outcome,
                warehouses=warehouses, can_receive=is_undecided and made.status == "in_transit",
                can_cancel=is_undecided and made.status in ("requested", "in_transit"))  # fmt: skip


def _show(outcome: Outcome) -> Response:
    filters = read_filters(TransferQuery(), "status", "warehouse_id")
    with transaction() as session:
        found = read_rows(session, filters, inventory.select_transfers, inventory.Transfer.id.desc())
        lines = inventory.get_transfer_lines(session, [one.id for one in found["data"]])
        warehouses = list_warehouses(session)
    return show(
        "transfers.html", section="desk.transfers_page", transfers=found["data"], cursor=found["next_cursor"],
        filters=filters, lines=lines, warehouses=warehouses, outcome=outcome,
        statuses=inventory.TRANSFER_STATUS.statuses,
    )  # fmt: skip
