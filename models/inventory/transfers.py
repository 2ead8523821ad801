"""Transfers: goods that are moved from one warehouse to another.

What is in transit has left the source, and takes up capacity in the target until it is received. Lock order: run →
transfer → warehouse → stock.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Select, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from durable import transitions
from durable.ids import new_id
from models import catalogue
from models.core.errors import Conflict, InsufficientStock, Invalid, NotFound
from models.inventory.moving import receive_stock, take_out
from models.inventory.tables import Stock
from models.inventory.transfer_tables import TRANSFER_STATUS, Transfer, TransferLine
from models.inventory.warehouses import check_room, get_warehouse, lock_warehouse

REASON = "transfer"
"""The reason of stock movements for transfers; the audit compares them."""


def request_transfer(
    session: Session, source_id: str, target_id: str, lines: Mapping[str, int], owner: str | None = None
) -> Transfer:
    """Requests a transfer of `lines` (product id → units) between two warehouses, and starts its run.

    Its capacity in the target is reserved from now on. Not idempotent. Raises NotFound, with `products` if products do
    not exist, Invalid if both warehouses are the same, InsufficientStock with `lines`, and Conflict (`warehouse_closed`
    for the target, `capacity_exceeded` with `remaining`).
    """
    if source_id == target_id:
        raise Invalid("Both warehouses are the same.", errors={"to": ["must be another warehouse"]})
    get_warehouse(session, source_id)
    product = catalogue.Product
    query = select(product.id, product.sku, product.title).where(product.id.in_(lines))
    known = {row.id: row for row in session.execute(query)}
    if unknown := sorted(set(lines) - set(known)):
        raise NotFound("No such products.", products=unknown)
    check_room(session, lock_warehouse(session, target_id), lines)
    _check_available(session, source_id, lines)
    transfer_id = new_id("tfr")
    run_id = durable.start(session, "transfer", key=transfer_id, input={"transfer_id": transfer_id}, owner=owner)
    transfer = Transfer(id=transfer_id, source_id=source_id, target_id=target_id, run_id=run_id, status="requested")
    session.add(transfer)
    session.flush()
    rows = [
        {"transfer_id": transfer_id, "product_id": row.id, "sku": row.sku, "title": row.title,
         "quantity": lines[row.id]}
        for row in known.values()
    ]  # fmt: skip
    session.execute(insert(TransferLine), rows)
    return transfer


def _check_available(session: Session, warehouse_id: str, lines: Mapping[str, int]) -> None:
    """Without locks: the run checks it again, under the locks of the levels."""
    levels = select(Stock.product_id, Stock.on_hand - Stock.reserved)
    levels = levels.where(Stock.warehouse_id == warehouse_id, Stock.product_id.in_(lines))
    there = dict(session.execute(levels).all())
    short = [
        {"product_id": product_id, "requested": units, "available": there.get(product_id, 0)}
        for product_id, units in sorted(lines.items()) if units > there.get(product_id, 0)
    ]  # fmt: skip
    if short:
        raise InsufficientStock("The source does not have these units available.", lines=short)


def send_transfer(session: Session, transfer_id: str) -> Transfer:
    """Takes the goods of a transfer out of its source: they are in transit. Raises InsufficientStock with `lines`."""
    transfer = _lock_transfer(session, transfer_id)
    _move(transfer, "in_transit")
    take_out(session, transfer.source_id, _quantities(session, transfer), REASON, reference=transfer.id)
    average = select(Stock.average_cost).where(
        Stock.product_id == TransferLine.product_id, Stock.warehouse_id == transfer.source_id
    )
    of_transfer = update(TransferLine).where(TransferLine.transfer_id == transfer.id)
    session.execute(of_transfer.values(unit_cost=average.scalar_subquery()))
    session.flush()
    return transfer


def receive_transfer(
    session: Session, transfer_id: str, lines: Mapping[str, int] | None, actor: str | None
) -> Transfer:
    """Records which units (product id → units) of a transfer have arrived; its run then takes them into stock.

    By default all. What is not named has not arrived: it is written off. Not idempotent. Raises NotFound, and Conflict:
    `wrong_state` unless the goods are in transit, `more_than_sent` with `lines` [{product_id, sent}].
    """
    transfer = lock_in_transit(session, transfer_id)
    sent = {line.product_id: line for line in get_transfer_lines(session, [transfer.id])[transfer.id]}
    arrived = {product_id: line.quantity for product_id, line in sent.items()} if lines is None else lines
    beyond = [
        {"product_id": product_id, "sent": sent[product_id].quantity if product_id in sent else 0}
        for product_id, units in arrived.items() if product_id not in sent or units > sent[product_id].quantity
    ]  # fmt: skip
    if beyond:
        raise Conflict("More has arrived than was sent.", code="more_than_sent", lines=beyond)
    for product_id, line in sent.items():
        line.received = arrived.get(product_id, 0)
    transfer.received_at = transfer.updated_at = func.now()
    session.flush()
    durable.signal(session, transfer.run_id, "received", {"actor": actor})
    return transfer


def cancel_transfer(session: Session, transfer_id: str, actor: str | None) -> Transfer:
    """Cancels a transfer that was not received: its run puts the goods back into the source.

    Raises NotFound and Conflict `wrong_state`.
    """
    transfer = _lock_with_run(session, transfer_id)
    TRANSFER_STATUS.check(transfer.status, "cancelled")
    if transfer.received_at or transfer.cancelled_at:
        raise _decided(transfer)
    transfer.cancelled_at = transfer.updated_at = func.now()
    session.flush()
    durable.signal(session, transfer.run_id, "cancelled", {"actor": actor})
    return transfer


def take_in_transfer(session: Session, transfer_id: str, actor: str | None) -> Transfer:
    """Takes a transfer into its target if its receipt is recorded, and writes off what has not arrived.

    A transfer whose receipt is not recorded stays in transit. Raises Conflict `transfer_cancelled`. Idempotent.
    """
    transfer = _lock_transfer(session, transfer_id)
    if transfer.status == "in_transit" and transfer.cancelled_at:
        raise Conflict("The transfer was cancelled.", code="transfer_cancelled")
    if transfer.status == "in_transit" and transfer.received_at:
        lines = get_transfer_lines(session, [transfer.id])[transfer.id]
        missing = {line.product_id: line.quantity - (line.received or 0) for line in lines}
        sent = {line.product_id: line.quantity for line in lines}
        costs = {line.product_id: line.unit_cost for line in lines}
        receive_stock(session, transfer.target_id, sent, REASON, transfer.id, actor, written_off=missing, costs=costs)
        _move(transfer, "received")
        session.flush()
    return transfer


def take_back_transfer(session: Session, transfer_id: str) -> Transfer:
    """Puts goods in transit back into their source, also if its capacity was used up or it was closed meanwhile.

    If their receipt was recorded before, they are taken into the target instead. Idempotent.
    """
    transfer = _lock_transfer(session, transfer_id)
    if transfer.status == "in_transit" and transfer.received_at:
        return take_in_transfer(session, transfer_id, None)
    if transfer.status == "in_transit":
        receive_stock(session, transfer.source_id, _quantities(session, transfer), REASON, transfer.id, None)
        _move(transfer, "cancelled")
        session.flush()
    return transfer


def close_refused_transfer(session: Session, transfer_id: str) -> Transfer:
    """Cancels a transfer whose goods have not left. Idempotent."""
    transfer = _lock_transfer(session, transfer_id)
    if transfer.status == "requested":
        _move(transfer, "cancelled")
        session.flush()
    return transfer


def get_transfer(session: Session, transfer_id: str) -> Transfer:
    """The transfer. Raises NotFound."""
    transfer = session.get(Transfer, transfer_id)
    if transfer is None:
        raise NotFound("No such transfer.")
    return transfer


def get_transfer_lines(session: Session, transfer_ids: Sequence[str]) -> dict[str, list[TransferLine]]:
    """Transfer id → its lines, sorted by SKU."""
    found: dict[str, list[TransferLine]] = {transfer_id: [] for transfer_id in transfer_ids}
    query = select(TransferLine).where(TransferLine.transfer_id.in_(transfer_ids)).order_by(TransferLine.sku)
    for line in session.scalars(query):
        found[line.transfer_id].append(line)
    return found


def select_transfers(status: str | None = None, warehouse_id: str | None = None) -> Select[Transfer]:
    """The query for transfers, from or to a warehouse. The caller orders it."""
    query = select(Transfer)
    if status:
        query = query.where(Transfer.status == status)
    if warehouse_id:
        query = query.where(or_(Transfer.source_id == warehouse_id, Transfer.target_id == warehouse_id))
    return query


def _quantities(session: Session, transfer: Transfer) -> dict[str, int]:
    lines = get_transfer_lines(session, [transfer.id])[transfer.id]
    return {line.product_id: line.quantity for line in lines}


def _decided(transfer: Transfer) -> Conflict:
    """The refusal of what the current status of a transfer, or the decision about it, no longer allows."""
    if transfer.status != "in_transit" or not (transfer.received_at or transfer.cancelled_at):
        return TRANSFER_STATUS.refusal(transfer.status)
    what = "received" if transfer.received_at else "cancelled"
    detail = f"This transfer is in transit, and is being {what}."
    return Conflict(detail, code="wrong_state", current="in_transit", possible=[what])


def _move(transfer: Transfer, status: str) -> None:
    TRANSFER_STATUS.move(transfer, status)
    transfer.updated_at = func.now()


def lock_in_transit(session: Session, transfer_id: str) -> Transfer:
    """Locks the run and the transfer, about whose goods nothing is decided yet.

    Raises NotFound, and Conflict `wrong_state`.
    """
    transfer = _lock_with_run(session, transfer_id)
    if transfer.status != "in_transit" or transfer.received_at or transfer.cancelled_at:
        raise _decided(transfer)
    return transfer


def _lock_with_run(session: Session, transfer_id: str) -> Transfer:
    transitions.lock(session, get_transfer(session, transfer_id).run_id)  # a step locks its run first, too
    return _lock_transfer(session, transfer_id)


def _lock_transfer(session: Session, transfer_id: str) -> Transfer:
    query = select(Transfer).where(Transfer.id == transfer_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()
