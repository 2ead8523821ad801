"""Packing: a parcel is created for allocated goods of an order. Lock order: order → parcel → stock."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ARRAY, Integer, String, bindparam, text
from sqlalchemy.orm import Session

import durable
from durable.ids import Id, new_id
from models import inventory, orders
from models.core.errors import Conflict
from models.fulfilment.labels import check_carrier
from models.fulfilment.tables import Parcel, ParcelLine

_LEFT = (
    text("""
    SELECT held.order_id, held.warehouse_id, held.product_id,
        (held.quantity - coalesce(packed.quantity, 0))::integer AS quantity
    FROM inventory.reservation AS held LEFT JOIN (
        SELECT order_id, warehouse_id, product_id, sum(quantity) AS quantity
        FROM fulfilment.parcel JOIN fulfilment.parcel_line ON parcel_id = parcel.id
        WHERE order_id = ANY(:order_ids) AND status <> 'cancelled' GROUP BY 1, 2, 3
    ) AS packed USING (order_id, warehouse_id, product_id)
    WHERE held.order_id = ANY(:order_ids) AND held.status = ANY(:statuses)
    AND held.quantity > coalesce(packed.quantity, 0)
    ORDER BY 1, 2, 3
""")
    .bindparams(bindparam("order_ids", type_=ARRAY(Id("ord"))), bindparam("statuses", type_=ARRAY(String)))
    .columns(order_id=Id("ord"), warehouse_id=Id("wh"), product_id=Id("prd"), quantity=Integer)
)


def left_to_pack(
    session: Session, order_id: str, statuses: Sequence[str] = ("allocated",)
) -> dict[str, dict[str, int]]:
    """Warehouse → product → units that are allocated to the order and in no parcel."""
    return list_left_to_pack(session, [order_id], statuses)[order_id]


def list_left_to_pack(
    session: Session, order_ids: Sequence[str], statuses: Sequence[str] = ("allocated",)
) -> dict[str, dict[str, dict[str, int]]]:
    """Order → what `left_to_pack` returns."""
    left: dict[str, dict[str, dict[str, int]]] = {order_id: {} for order_id in order_ids}
    for row in session.connection().execute(_LEFT, {"order_ids": list(order_ids), "statuses": list(statuses)}):
        left[row.order_id].setdefault(row.warehouse_id, {})[row.product_id] = row.quantity
    return left


def pack(
    session: Session, order_id: str, *, lines: Mapping[str, int] | None = None, warehouse_id: str | None = None,
    carrier: str | None = None, service: str | None = None, tracking_number: str | None = None, actor: str,
) -> Parcel:  # fmt: skip
    """Creates a parcel with `lines` (product id → units), and starts the run that ships it.

    By default everything that is left in a warehouse; the warehouse that can supply the lines alone, or the most of
    them. Without a tracking number, the run buys a label from `carrier` for `service`. The order becomes `processing`.
    Raises NotFound, and Conflict `wrong_state`, `no_carrier`, `no_sender_address`, or `nothing_to_ship` with what is
    `left` per warehouse.
    """
    order = orders.lock(session, order_id)
    if order.status not in ("confirmed", "processing"):
        raise orders.ORDER_STATUS.refusal(order.status)
    chosen, wanted = choose(session, order_id, lines, warehouse_id)
    if tracking_number is None:
        check_carrier(session, chosen)
    if order.status == "confirmed":
        orders.change_status(session, order, "processing", actor=actor)
    order.parcels += 1
    parcel_id = new_id("ful")
    about = {"parcel_id": parcel_id, "order_id": order_id}
    run_id = durable.start(session, "fulfilment", key=parcel_id, input=about, owner=actor)
    parcel = Parcel(
        id=parcel_id, order_id=order_id, warehouse_id=chosen, carrier=carrier, service=service, status="pending",
        tracking_number=tracking_number, run_id=run_id,
    )  # fmt: skip
    session.add(parcel)
    session.flush()
    session.add_all(ParcelLine(parcel_id=parcel_id, product_id=product, quantity=n) for product, n in wanted.items())
    session.flush()
    return parcel


def move_allocation(
    session: Session, order_id: str, warehouse_id: str, lines: Mapping[str, int] | None = None
) -> dict[str, dict[str, int]]:
    """Moves what is allocated to an order elsewhere, and in no parcel, to a warehouse that has it available.

    `lines`: product id → units, by default everything. Returns what `left_to_pack` returns afterwards. Raises NotFound,
    InsufficientStock with `lines`, and Conflict: `wrong_state`, `warehouse_closed`, or `nothing_to_ship` with what is
    `left` per warehouse.
    """
    order = orders.lock(session, order_id)
    if order.status not in ("confirmed", "processing"):
        raise orders.ORDER_STATUS.refusal(order.status)
    inventory.check_open(inventory.get_warehouse(session, warehouse_id))
    left = left_to_pack(session, order_id)
    elsewhere = [
        inventory.Units(product, warehouse, units)
        for warehouse, there in left.items() if warehouse != warehouse_id for product, units in there.items()
    ]  # fmt: skip
    wanted: Counter[str] = Counter(lines or {})
    if lines is None:
        for part in elsewhere:
            wanted[part.product_id] += part.quantity
    parts = inventory.choose(wanted, elsewhere)
    if not parts or sum(part.quantity for part in parts) < wanted.total():
        raise Conflict("These goods are not allocated to the order elsewhere, or are packed.", code="nothing_to_ship",
                       left=_shown(left))  # fmt: skip
    inventory.reallocate(session, order_id, warehouse_id, parts)
    return left_to_pack(session, order_id)


def choose(
    session: Session, order_id: str, lines: Mapping[str, int] | None = None, warehouse_id: str | None = None
) -> tuple[str, dict[str, int]]:
    """The warehouse and the goods of the next parcel, see `pack`. Raises Conflict `nothing_to_ship`."""
    left = left_to_pack(session, order_id)
    chosen = warehouse_id or _choose(left, lines)
    there = left.get(chosen or "", {})
    wanted = dict(lines) if lines is not None else there
    if chosen is None or not wanted or any(there.get(product, 0) < units for product, units in wanted.items()):
        raise Conflict("These goods are not allocated to the order there, or are packed.", code="nothing_to_ship",
                       left=_shown(left))  # fmt: skip
    return chosen, wanted


def _choose(left: dict[str, dict[str, int]], lines: Mapping[str, int] | None) -> str | None:
    """The warehouse that supplies the most of the lines."""

    def supplied(there: dict[str, int]) -> int:
        if lines is None:
            return sum(there.values())
        return sum(min(there.get(product, 0), units) for product, units in lines.items())

    return max(left, key=lambda warehouse: supplied(left[warehouse]), default=None)


def _shown(left: dict[str, dict[str, int]]) -> list[dict[str, Any]]:
    return [
        {"warehouse_id": warehouse, "product_id": product, "quantity": units}
        for warehouse, there in left.items()
        for product, units in there.items()
    ]
