"""Invariants of the inventory."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_FIGURES = text("""
    WITH moved AS (
        SELECT product_id, warehouse_id, sum(quantity) AS pieces FROM inventory.movement GROUP BY 1, 2
    ), promised AS (
        SELECT product_id, warehouse_id, sum(quantity - shipped) AS pieces FROM inventory.reservation
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

_PURCHASES = text("""
    WITH moved AS (
        SELECT reference, warehouse_id, product_id, sum(quantity) AS pieces FROM inventory.movement
        WHERE reason = 'purchase order' GROUP BY 1, 2, 3
    )
    SELECT count(*) AS lines, coalesce(sum(received), 0)::bigint AS received,
        coalesce(sum(moved.pieces), 0)::bigint AS moved,
        count(*) FILTER (WHERE received <> coalesce(moved.pieces, 0)) AS differing,
        count(*) FILTER (
            WHERE bought.status IN ('ordered', 'partly_received') AND (run.id IS NULL OR run.finished_at IS NOT NULL)
        ) AS left
    FROM inventory.purchase_order_line JOIN inventory.purchase_order AS bought ON bought.id = purchase_order_id
    LEFT JOIN moved ON moved.product_id = purchase_order_line.product_id
        AND moved.warehouse_id = bought.warehouse_id AND reference = 'po_' || replace(bought.id::text, '-', '')
    LEFT JOIN workflow.run ON run.id = bought.run_id
""")

# What has left a source is in transit, in the target, or back in the source; what has not arrived is written off.
_TRANSFERS = text("""
    WITH moved AS (
        SELECT reference, product_id, -coalesce(sum(quantity) FILTER (WHERE reason = 'transfer'), 0) AS under_way,
            -coalesce(sum(quantity) FILTER (WHERE reason = 'write-off'), 0) AS lost
        FROM inventory.movement WHERE reason IN ('transfer', 'write-off') AND starts_with(reference, 'tfr_')
        GROUP BY 1, 2
    ), sent AS (
        SELECT 'tfr_' || replace(transfer.id::text, '-', '') AS reference, product_id,
            CASE WHEN transfer.status = 'in_transit' THEN quantity ELSE 0 END AS in_transit,
            CASE WHEN transfer.status = 'received' THEN quantity - received ELSE 0 END AS missing,
            transfer.status IN ('requested', 'in_transit')
                AND (run.id IS NULL OR run.finished_at IS NOT NULL) AS is_left
        FROM inventory.transfer_line JOIN inventory.transfer ON transfer.id = transfer_id
        LEFT JOIN workflow.run ON run.id = run_id
    )
    SELECT count(*) AS lines, coalesce(sum(in_transit), 0)::bigint AS in_transit,
        coalesce(sum(missing), 0)::bigint AS missing,
        count(*) FILTER (WHERE (coalesce(in_transit, 0), coalesce(missing, 0))
            <> (coalesce(under_way, 0), coalesce(lost, 0))) AS differing,
        count(*) FILTER (WHERE is_left) AS left
    FROM sent FULL JOIN moved USING (reference, product_id)
""")

# Movements of other reasons may refer to a count, too; `count` is also the reason of adjustments by hand.
_COUNTS = text("""
    WITH moved AS (
        SELECT reference, warehouse_id, product_id, sum(quantity) AS units, count(*) AS movements
        FROM inventory.movement WHERE reason = 'count' AND starts_with(reference, 'cnt_') GROUP BY 1, 2, 3
    ), line AS (
        SELECT 'cnt_' || replace(made.id::text, '-', '') AS reference, warehouse_id, product_id, status, difference,
            booked
        FROM inventory.stock_count_line JOIN inventory.stock_count AS made ON made.id = stock_count_id
        WHERE difference <> 0
    )
    SELECT count(*) AS lines, coalesce(sum(booked), 0)::bigint AS booked, coalesce(sum(units), 0)::bigint AS moved,
        count(*) FILTER (WHERE coalesce(booked, 0) <> coalesce(units, 0) OR movements > 1) AS differing,
        count(*) FILTER (WHERE status = 'booked' AND booked IS NULL) AS unbooked,
        count(*) FILTER (WHERE status NOT IN ('approved', 'booked') AND booked IS NOT NULL) AS unapproved
    FROM line FULL JOIN moved USING (reference, warehouse_id, product_id)
""")

_OPEN_COUNTS = text("""
    SELECT count(*) AS counts, count(*) FILTER (WHERE run.id IS NULL OR run.finished_at IS NOT NULL) AS left
    FROM inventory.stock_count LEFT JOIN workflow.run ON run.id = run_id
    WHERE stock_count.status IN ('open', 'submitted', 'approved')
""")

_BACKORDERS = text("""
    WITH sold AS (
        SELECT product_id, sum(quantity - filled) AS units, count(*) FILTER (WHERE status = 'waiting') AS orders
        FROM inventory.backorder WHERE status IN ('reserved', 'waiting') GROUP BY 1
    ), free AS (
        SELECT product_id FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = warehouse_id
        WHERE sellable AND status = 'active' GROUP BY 1
    )
    SELECT coalesce(sum(backordered), 0)::bigint AS backordered, coalesce(sum(sold.units), 0)::bigint AS sold,
        count(*) FILTER (WHERE coalesce(backordered, 0) <> coalesce(sold.units, 0)
            OR backordered > maximum + excess) AS differing,
        coalesce(sum(orders), 0)::bigint AS waiting,
        count(*) FILTER (WHERE orders > 0 AND free.product_id IS NOT NULL) AS passed_over
    FROM inventory.backorder_terms FULL JOIN sold USING (product_id) LEFT JOIN free USING (product_id)
""")

# The averages of a level move between what its units have cost; see docs/operations.md for the rules.
_COSTS = text("""
    WITH paid AS (
        SELECT product_id, warehouse_id, min(unit_cost) AS lowest, max(unit_cost) AS highest
        FROM inventory.movement WHERE unit_cost IS NOT NULL GROUP BY 1, 2
    )
    SELECT count(average_cost) AS costed, round(coalesce(sum(on_hand * average_cost), 0)) AS value,
        count(*) FILTER (WHERE NOT coalesce(average_cost BETWEEN lowest AND highest, average_cost IS NULL)) AS differing
    FROM inventory.stock LEFT JOIN paid USING (product_id, warehouse_id)
""")


def audit(session: Session) -> list[tuple[str, bool, dict[str, int]]]:
    """Checks the invariants of stock, its cost, purchase orders, transfers, counts and backorders.

    Returns (name, whether it holds, figures).
    """
    row = session.execute(_FIGURES).one()
    bought = session.execute(_PURCHASES).one()
    sent = session.execute(_TRANSFERS).one()
    beyond = session.execute(_BACKORDERS).one()
    counted = session.execute(_COUNTS).one()
    open_counts = session.execute(_OPEN_COUNTS).one()
    cost = session.execute(_COSTS).one()
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
            "no stock is negative or oversold",
            row.impossible == 0,
            {"levels": row.levels, "impossible": row.impossible},
        ),
        (
            "received purchase order lines match stock movements",
            bought.differing == 0,
            {"received": bought.received, "movements": bought.moved, "differing": bought.differing},
        ),
        (
            "every open purchase order has a live run",
            bought.left == 0,
            {"lines": bought.lines, "abandoned": bought.left},
        ),
        (
            "goods in transit are what transfers have taken out and not put in",
            sent.differing == 0,
            {"lines": sent.lines, "in_transit": sent.in_transit, "missing": sent.missing, "differing": sent.differing},
        ),
        (
            "every open transfer has a live run",
            sent.left == 0,
            {"lines": sent.lines, "abandoned": sent.left},
        ),
        (
            "differences of stock counts are booked once",
            counted.differing == 0,
            {
                "lines": counted.lines,
                "booked": counted.booked,
                "movements": counted.moved,
                "differing": counted.differing,
            },
        ),
        (
            "exactly the approved stock counts are booked, each completely",
            counted.unbooked == counted.unapproved == 0,
            {"lines": counted.lines, "unbooked": counted.unbooked, "unapproved": counted.unapproved},
        ),
        (
            "every open stock count has a live run",
            open_counts.left == 0,
            {"counts": open_counts.counts, "abandoned": open_counts.left},
        ),
        (
            "backordered units are the sum of open backorders, within the limits",
            beyond.differing == 0,
            {"backordered": beyond.backordered, "backorders": beyond.sold, "differing": beyond.differing},
        ),
        (
            "no stock is available while orders wait for it",
            beyond.passed_over == 0,
            {"waiting": beyond.waiting, "passed_over": beyond.passed_over},
        ),
        (
            "average costs lie between the costs at which units came",
            cost.differing == 0,
            {"levels": cost.costed, "value": cost.value, "differing": cost.differing},
        ),
    ]
