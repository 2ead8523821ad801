"""Many units that come into a warehouse or leave it, with a movement for each product."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, Boolean, Integer, Numeric, bindparam, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import Id, new_id
from models.core.errors import InsufficientStock
from models.core.events import StockLow
from models.inventory.backorders import fill_risen
from models.inventory.low_stock import CROSSED, announce, crossed_columns, low_since
from models.inventory.tables import Movement, Stock

WRITE_OFF = "write-off"
"""The reason of movements of units that are damaged or missing."""

# Locks levels in the same order as reservations do; `was_low` is read from the locked row. The average cost moves with
# the units that come at a known cost; the units that were there without one have that cost from then on.
_RECEIVE = crossed_columns(
    text(f"""
    WITH come AS (
        SELECT product_id, quantity, cost
        FROM unnest(:products, :quantities, :costs) AS line (product_id, quantity, cost)
    ), locked AS MATERIALIZED (
        SELECT product_id, quantity, cost, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN come USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id
        FOR UPDATE OF stock
    )
    UPDATE inventory.stock SET on_hand = on_hand + locked.quantity, {low_since("on_hand - reserved + locked.quantity")},
        average_cost = CASE
            WHEN cost IS NULL OR locked.quantity = 0 THEN average_cost
            WHEN average_cost IS NULL OR on_hand = 0 THEN cost
            ELSE (on_hand * average_cost + locked.quantity * cost) / (on_hand + locked.quantity)
        END
    FROM locked
    WHERE stock.product_id = locked.product_id AND warehouse_id = :warehouse_id
    RETURNING {CROSSED}, was_low, was_low AND low_since IS NULL AS recovered
    """).bindparams(  # noqa: S608, constants only
        bindparam("warehouse_id", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("quantities", type_=ARRAY(Integer)),
        bindparam("costs", type_=ARRAY(Numeric)),
    ),
    was_low=Boolean,
    recovered=Boolean,
)


def receive_stock(
    session: Session, warehouse_id: str, pieces: Mapping[str, int], reason: str, reference: str, actor: str | None,
    written_off: Mapping[str, int] | None = None, costs: Mapping[str, Decimal | int | None] | None = None,
) -> None:  # fmt: skip
    """Receives `pieces` (product id → units, all above 0) into a warehouse whose capacity the caller has checked.

    `written_off`: of those, units that are damaged or missing, and never become available. `costs`: what a unit has
    cost, in minor units; it moves the average cost of the level. Units of unknown cost come at that average. Inserts a
    movement per product, and one for what is written off. Fills backorders. Emits `stock.recovered` for levels that
    rise above their reorder point.
    """
    if not pieces:
        return
    lost = {product_id: units for product_id, units in (written_off or {}).items() if units}
    at = [{"product_id": product_id, "warehouse_id": warehouse_id} for product_id in sorted(pieces)]
    session.connection().execute(insert(Stock).on_conflict_do_nothing(), at)
    net = {product_id: units - lost.get(product_id, 0) for product_id, units in pieces.items()}
    known = {product_id: cost for product_id, cost in (costs or {}).items() if cost is not None}
    quantities = {
        "products": list(net), "quantities": list(net.values()), "costs": [known.get(product) for product in net],
    }  # fmt: skip
    changed = session.execute(_RECEIVE, {"warehouse_id": warehouse_id, **quantities}).all()
    about = {"reference": reference, "actor": actor}
    moved: list[dict[str, object]] = [
        {"quantity": pieces[row["product_id"]], "reason": reason, "unit_cost": known.get(row["product_id"]), **row}
        for row in at
    ]
    moved += [
        {"quantity": -lost[row["product_id"]], "reason": WRITE_OFF, "unit_cost": None, **row}
        for row in at if row["product_id"] in lost
    ]  # fmt: skip
    session.connection().execute(insert(Movement), [{"id": new_id("mov"), **row, **about} for row in moved])
    fill_risen(session, changed)


_TAKE_OUT = crossed_columns(
    text(f"""
    WITH wanted AS (
        SELECT product_id, quantity FROM unnest(:products, :quantities) AS line (product_id, quantity)
    ), locked AS MATERIALIZED (
        SELECT product_id, quantity, on_hand - reserved AS available, on_hand, low_since IS NOT NULL AS was_low
        FROM inventory.stock JOIN wanted USING (product_id) WHERE warehouse_id = :warehouse_id
        ORDER BY product_id
        FOR UPDATE OF stock
    ), short AS (
        SELECT product_id, wanted.quantity AS requested, coalesce(available, 0) AS available
        FROM wanted LEFT JOIN locked USING (product_id) WHERE coalesce(available, 0) < wanted.quantity
    ), taken AS (
        UPDATE inventory.stock SET on_hand = locked.on_hand - quantity, {low_since("available - quantity")}
        FROM locked WHERE stock.product_id = locked.product_id AND warehouse_id = :warehouse_id
        AND NOT EXISTS (SELECT FROM short)
        RETURNING {CROSSED}, NOT was_low AND low_since IS NOT NULL AS fell
    )
    SELECT product_id, NULL AS warehouse_id, available, NULL AS reorder_point, NULL AS reorder_quantity, requested
    FROM short
    UNION ALL
    SELECT product_id, warehouse_id, available, reorder_point, reorder_quantity, NULL FROM taken WHERE fell
    ORDER BY product_id
    """).bindparams(  # noqa: S608, constants only
        bindparam("warehouse_id", type_=Id("wh")),
        bindparam("products", type_=ARRAY(Id("prd"))),
        bindparam("quantities", type_=ARRAY(Integer)),
    ),
    requested=Integer,
)


def take_out(session: Session, warehouse_id: str, pieces: Mapping[str, int], reason: str, reference: str) -> None:
    """Takes `pieces` (product id → units) that are not reserved out of a warehouse, all or none.

    Inserts a movement per product. Emits `stock.low` for levels that fall to their reorder point. Raises
    InsufficientStock with `lines` [{product_id, requested, available}].
    """
    quantities = {"products": list(pieces), "quantities": list(pieces.values())}
    found = session.execute(_TAKE_OUT, {"warehouse_id": warehouse_id, **quantities}).all()
    refuse_short(found, "The source does not have these units available.")
    about = {"warehouse_id": warehouse_id, "reason": reason, "reference": reference, "actor": None}
    moved = [{"id": new_id("mov"), "product_id": product, "quantity": -n, **about} for product, n in pieces.items()]
    session.connection().execute(insert(Movement), moved)
    announce(session, StockLow, found)


def refuse_short(found: Sequence[Any], detail: str) -> None:
    """Raises InsufficientStock if rows have a number of `requested` units: those are the ones that are short."""
    names = ("product_id", "requested", "available")
    short = [{name: getattr(row, name) for name in names} for row in found if row.requested is not None]
    if short:
        raise InsufficientStock(detail, lines=short)
