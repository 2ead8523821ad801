"""The picking list of a warehouse."""

from flask import Response, request

from models import fulfilment, inventory
from models.core.database import transaction
from web import access
from web.blueprint import desk
from web.desk.pages import show
from web.forms import is_id

LINES = 500


@desk.get("/picking")
@access.allowed("orders:write")
def picking() -> Response:
    """What is allocated in a warehouse and in no parcel, oldest orders first; made to be printed.

    `order`: only of these orders.
    """
    asked = request.args.get("warehouse_id", "")
    only = [order_id for order_id in request.args.getlist("order") if is_id("ord", order_id)]
    with transaction() as session:
        warehouses = session.scalars(inventory.select_warehouses().order_by(inventory.Warehouse.name)).all()
        default = next((one.id for one in warehouses if one.is_default), warehouses[0].id)
        chosen = inventory.get_warehouse(session, asked if is_id("wh", asked) else default)
        lines = fulfilment.list_to_pick(session, chosen.id, LINES + 1, only)
    return show("picking.html", section="desk.picking", warehouses=warehouses, chosen=chosen, lines=lines[:LINES],
                has_more=len(lines) > LINES, only=only)  # fmt: skip
