"""The books of the inventory, checked against each other."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

_FIGURES = text("""
    WITH moved AS (
        SELECT product_id, warehouse_id, sum(quantity) AS pieces FROM inventory.movement GROUP BY 1, 2
    ), promised AS (
        SELECT product_id, warehouse_id, sum(quantity) AS pieces FROM inventory.reservation
        WHERE status IN ('reserved', 'allocated') GROUP BY 1, 2
    )
    SELECT coalesce(sum(on_hand), 0)::bigint AS on_hand,
        coalesce(sum(moved.pieces), 0)::bigint AS moved,
        count(*) FILTER (WHERE coalesce(on_hand, 0) <> coalesce(moved.pieces, 0)) AS on_hand_differs,
        coalesce(sum(reserved), 0)::bigint AS reserved,
        coalesce(sum(promised.pieces), 0)::bigint AS promised,
        count(*) FILTER (WHERE coalesce(reserved, 0) <> coalesce(promised.pieces, 0)) AS reserved_differs,
        count(*) FILTER (WHERE on_hand < 0 OR reserved < 0 OR reserved > on_hand) AS impossible,
        count(*) AS levels
    FROM inventory.stock
    FULL JOIN moved USING (product_id, warehouse_id)
    FULL JOIN promised USING (product_id, warehouse_id)
""")


def audit(session: Session) -> list[tuple[str, bool, dict[str, Any]]]:
    """What must hold of the stock, in one look: (what, whether it does, the figures)."""
    row = session.execute(_FIGURES).one()
    return [
        (
            "stock on hand is the sum of movements",
            row.on_hand_differs == 0,
            {"on_hand": row.on_hand, "movements": row.moved, "differing": row.on_hand_differs},
        ),
        (
            "reserved stock is the sum of live reservations",
            row.reserved_differs == 0,
            {"reserved": row.reserved, "reservations": row.promised, "differing": row.reserved_differs},
        ),
        (
            "no stock is negative or promised twice",
            row.impossible == 0,
            {"levels": row.levels, "impossible": row.impossible},
        ),
    ]
