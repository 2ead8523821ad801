"""Goods that are scanned as they are unpacked, one code at a time, and then booked as received.

What was scanned is noted in the lines of the purchase order or transfer: several people scan at once, and a closed
browser loses nothing. It changes no stock until it is booked. Lock order: run → purchase order or transfer.
"""

from typing import TypeVar

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from models import catalogue
from models.catalogue import Identified
from models.core.errors import Conflict
from models.inventory.purchasing import lock_open_order, receive
from models.inventory.tables import PurchaseLine, PurchaseOrder
from models.inventory.transfer_tables import Transfer, TransferLine
from models.inventory.transfers import lock_in_transit, receive_transfer

L = TypeVar("L", PurchaseLine, TransferLine)


def identify_code(session: Session, code: str) -> Identified:
    """The product on sale with this SKU or, if there is none, with this barcode.

    Raises Conflict: `unknown_code`, and `ambiguous_barcode` with `barcodes`.
    """
    found = catalogue.identify(session, skus=[code]) or catalogue.identify(session, barcodes=[code])
    if not found:
        raise Conflict(f"No product has the SKU or barcode {code}.", code="unknown_code")
    if len(found) > 1:
        detail = "Several products have this barcode; name them by SKU."
        raise Conflict(detail, code="ambiguous_barcode", barcodes=[code])
    return found[0]


def scan_delivery(session: Session, purchase_order_id: str, code: str, units: int) -> PurchaseLine:
    """Notes that units of the product with this SKU or barcode have come; negative units are taken back.

    Not idempotent. Raises NotFound, and Conflict: `wrong_state`, `unknown_code`, `ambiguous_barcode`, `not_expected`
    for a product that was not ordered, `more_than_ordered` with `lines` [{product_id, outstanding}], and
    `nothing_scanned` if more is taken back than was scanned.
    """
    order = lock_open_order(session, purchase_order_id)
    line = _find(session, select(PurchaseLine).where(PurchaseLine.purchase_order_id == order.id), PurchaseLine, code)
    outstanding = line.quantity - line.delivered - line.scanned
    if units > max(outstanding, 0):
        lines = [{"product_id": line.product_id, "outstanding": max(outstanding, 0)}]
        raise Conflict("More has come than was ordered.", code="more_than_ordered", lines=lines)
    _add(line, units)
    session.flush()
    return line


def scan_transfer(session: Session, transfer_id: str, code: str, units: int) -> TransferLine:
    """Notes that units of a transfer have arrived, as `scan_delivery` does for a purchase order.

    Raises what it raises, with `more_than_sent` and `lines` [{product_id, sent}] instead of `more_than_ordered`.
    """
    transfer = lock_in_transit(session, transfer_id)
    line = _find(session, select(TransferLine).where(TransferLine.transfer_id == transfer.id), TransferLine, code)
    if units > line.quantity - line.scanned:
        lines = [{"product_id": line.product_id, "sent": line.quantity}]
        raise Conflict("More has arrived than was sent.", code="more_than_sent", lines=lines)
    _add(line, units)
    session.flush()
    return line


def book_scanned_delivery(session: Session, purchase_order_id: str, actor: str | None) -> PurchaseOrder:
    """Records what was scanned as a delivery. Raises Conflict `nothing_scanned`, and what `receive` raises."""
    order = lock_open_order(session, purchase_order_id)
    mine = PurchaseLine.purchase_order_id == order.id
    scanned = _scanned(session, select(PurchaseLine).where(mine), PurchaseLine)
    received = receive(session, order.id, scanned, actor)
    session.execute(update(PurchaseLine).where(mine, PurchaseLine.scanned > 0).values(scanned=0))
    return received


def book_scanned_transfer(session: Session, transfer_id: str, actor: str | None) -> Transfer:
    """Records that what was scanned has arrived. The rest has not: it is written off.

    Raises Conflict `nothing_scanned`, and what `receive_transfer` raises.
    """
    transfer = lock_in_transit(session, transfer_id)
    mine = select(TransferLine).where(TransferLine.transfer_id == transfer.id)
    return receive_transfer(session, transfer.id, _scanned(session, mine, TransferLine), actor)


def discard_scanned(session: Session, owner_id: str) -> None:
    """Forgets what was scanned of a purchase order or transfer and not booked.

    Raises NotFound and Conflict `wrong_state`.
    """
    if owner_id.startswith("po_"):
        order = lock_open_order(session, owner_id)
        session.execute(update(PurchaseLine).where(PurchaseLine.purchase_order_id == order.id).values(scanned=0))
    else:
        transfer = lock_in_transit(session, owner_id)
        session.execute(update(TransferLine).where(TransferLine.transfer_id == transfer.id).values(scanned=0))


def _find(session: Session, mine: Select[L], table: type[L], code: str) -> L:
    """The line with this code. By its SKU, a product is found although it is no longer sold."""
    fresh = {"populate_existing": True}
    line = session.scalars(mine.where(table.sku == code), execution_options=fresh).one_or_none()
    if line is not None:
        return line
    codes = catalogue.identify(session, barcodes=[code])
    found = session.scalars(
        mine.where(table.product_id.in_([one.product_id for one in codes])), execution_options=fresh
    ).all()
    if len(found) == 1:
        return found[0]
    if found:
        raise Conflict("Several products have this barcode; name them by SKU.", code="ambiguous_barcode",
                       barcodes=[code])  # fmt: skip
    other = identify_code(session, code)
    raise Conflict(f"{other.title} ({other.sku}) is not expected here.", code="not_expected")


def _add(line: PurchaseLine | TransferLine, units: int) -> None:
    if line.scanned + units < 0:
        raise Conflict("Fewer units were scanned.", code="nothing_scanned")
    line.scanned += units


def _scanned(session: Session, mine: Select[L], table: type[L]) -> dict[str, int]:
    found = session.scalars(mine.where(table.scanned > 0), execution_options={"populate_existing": True})
    scanned = {line.product_id: line.scanned for line in found}
    if not scanned:
        raise Conflict("Nothing was scanned yet.", code="nothing_scanned")
    return scanned
