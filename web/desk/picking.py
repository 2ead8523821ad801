"""The picking lists of warehouses."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Response, request
from sqlalchemy import Row
from sqlalchemy.orm import Session

from models import fulfilment, inventory
from models.core.database import transaction
from web import access
from web.blueprint import desk
from web.desk.pages import show
from web.forms import is_id

LINES = 500
"""Lines of a page."""


class PickingList(NamedTuple):
    """What is to be picked in a warehouse. `has_more`: some lines have no place on the page."""

    warehouse: inventory.Warehouse
    lines: Sequence[Row[*tuple[Any, ...]]]
    has_more: bool


@desk.get("/picking")
@access.allowed("orders:write")
def picking() -> Response:
    """What is allocated in each warehouse and in no parcel, oldest orders first; made to be printed.

    `warehouse_id`: only there. `order`: only of these orders.
    """
    asked = request.args.get("warehouse_id", "")
    only = [order_id for order_id in request.args.getlist("order") if is_id("ord", order_id)]
    with transaction() as session:
        warehouses = session.scalars(inventory.select_warehouses().order_by(inventory.Warehouse.name)).all()
        chosen = inventory.get_warehouse(session, asked) if is_id("wh", asked) else None
        lists = _lists(session, warehouses if chosen is None else [chosen], only)
    return show("picking.html", section="desk.picking", warehouses=warehouses, chosen=chosen, lists=lists, only=only)


def _lists(session: Session, warehouses: Sequence[inventory.Warehouse], only: Sequence[str]) -> list[PickingList]:
    """The lists that are not empty. Once the page is full, lists have no lines."""
    lists, left = [], LINES
    for warehouse in warehouses:
        lines = fulfilment.list_to_pick(session, warehouse.id, left + 1, only)
        if lines:
            lists.append(PickingList(warehouse, lines[:left], len(lines) > left))
            left -= len(lists[-1].lines)
    return lists
