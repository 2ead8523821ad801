"""The stock of one product in each warehouse."""

from typing import TypedDict

from sqlalchemy import Integer, bindparam, text
from sqlalchemy.orm import Session

from durable.ids import Id
from models import catalogue
from models.core.errors import NotFound

_LEVELS = (
    text("""
    WITH coming AS (
        SELECT target_id AS warehouse_id, sum(quantity) AS pieces
        FROM inventory.transfer JOIN inventory.transfer_line ON transfer_id = transfer.id
        WHERE product_id = :product_id AND status = 'in_transit' GROUP BY 1
    )
    SELECT warehouse.id AS warehouse_id, name, coalesce(on_hand, 0) AS on_hand, coalesce(reserved, 0) AS reserved,
        coalesce(on_hand - reserved, 0) AS available, coalesce(pieces, 0) AS in_transit,
        CASE WHEN is_default THEN coalesce(backordered, 0) ELSE 0 END AS backordered
    FROM inventory.warehouse
    LEFT JOIN inventory.stock ON stock.warehouse_id = warehouse.id AND product_id = :product_id
    LEFT JOIN coming ON coming.warehouse_id = warehouse.id
    LEFT JOIN inventory.backorder_terms ON backorder_terms.product_id = :product_id
    WHERE on_hand IS NOT NULL OR pieces IS NOT NULL OR is_default
    ORDER BY is_default DESC, name
""")
    .bindparams(bindparam("product_id", type_=Id("prd")))
    .columns(warehouse_id=Id("wh"), on_hand=Integer)
)


class ProductLevel(TypedDict):
    """Units of a product in a warehouse; `in_transit`: on their way to it.

    Backorders belong to no warehouse until they are filled; the default one counts them.
    """

    warehouse_id: str
    name: str
    on_hand: int
    reserved: int
    available: int
    in_transit: int
    backordered: int


def list_product_levels(session: Session, product_id: str) -> list[ProductLevel]:
    """The levels of a product, the default warehouse first. Also of a product that is no longer sold.

    Raises NotFound.
    """
    if session.get(catalogue.Product, product_id) is None:
        raise NotFound("No such product.")
    rows = session.connection().execute(_LEVELS, {"product_id": product_id}).mappings()
    return [ProductLevel(**row) for row in rows]  # type: ignore[typeddict-item]
