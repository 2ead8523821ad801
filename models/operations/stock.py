"""Invariants of stock, its cost, purchase orders, transfers, stock counts and backorders.

A level is named by its product and its warehouse: `prd_… in wh_…`.
"""

from models.operations.invariant import Invariant


def _id(prefix: str, column: str) -> str:
    return f"'{prefix}_' || replace({column}::text, '-', '')"


_LEVEL = f"{_id('prd', 'product_id')} || ' in ' || {_id('wh', 'warehouse_id')}"
_ENDED = "run.id IS NULL OR run.finished_at IS NOT NULL"

_LEVELS = (
    Invariant(
        "stock on hand is the sum of movements",
        "sum(on_hand) AS on_hand, sum(units) AS movements",
        f"""SELECT {_LEVEL} AS example, on_hand, units, coalesce(on_hand, 0) <> coalesce(units, 0) AS bad
        FROM inventory.stock FULL JOIN (
            SELECT product_id, warehouse_id, sum(quantity) AS units FROM inventory.movement GROUP BY 1, 2
        ) AS moved USING (product_id, warehouse_id)""",  # noqa: S608, constants only
    ),
    Invariant(
        "reserved stock is the sum of live reservations",
        "sum(reserved) AS reserved, sum(units) AS reservations",
        f"""SELECT {_LEVEL} AS example, reserved, units, coalesce(reserved, 0) <> coalesce(units, 0) AS bad
        FROM inventory.stock FULL JOIN (
            SELECT product_id, warehouse_id, sum(quantity - shipped) AS units FROM inventory.reservation
            WHERE status IN ('reserved', 'allocated') GROUP BY 1, 2
        ) AS promised USING (product_id, warehouse_id)""",  # noqa: S608, constants only
    ),
    Invariant(
        "no stock is negative or oversold",
        "count(*) AS levels",
        f"""SELECT {_LEVEL} AS example, on_hand < 0 OR reserved < 0 OR reserved > on_hand AS bad
        FROM inventory.stock""",  # noqa: S608, constants only
    ),
)

_PURCHASES = (
    Invariant(
        "received purchase order lines match stock movements",
        "sum(received) AS received, sum(units) AS movements",
        f"""SELECT name AS example, received, units, received <> coalesce(units, 0) AS bad
        FROM (
            SELECT {_id("po", "bought.id")} AS name, product_id, warehouse_id, received
            FROM inventory.purchase_order_line JOIN inventory.purchase_order AS bought ON bought.id = purchase_order_id
        ) AS line LEFT JOIN (
            SELECT reference, warehouse_id, product_id, sum(quantity) AS units FROM inventory.movement
            WHERE reason = 'purchase order' GROUP BY 1, 2, 3
        ) AS moved ON reference = name AND moved.product_id = line.product_id
            AND moved.warehouse_id = line.warehouse_id""",  # noqa: S608, constants only
    ),
    Invariant(
        "every open purchase order has a live run",
        "count(*) AS open",
        f"""SELECT {_id("po", "bought.id")} AS example, {_ENDED} AS bad
        FROM inventory.purchase_order AS bought LEFT JOIN workflow.run ON run.id = bought.run_id
        WHERE bought.status IN ('ordered', 'partly_received')""",  # noqa: S608, constants only
    ),
)

# What has left a source is in transit, in the target, or back in the source; what has not arrived is written off.
_TRANSFERS = (
    Invariant(
        "goods in transit are what transfers have taken out and not put in",
        "count(*) AS lines, sum(in_transit) AS in_transit, sum(missing) AS missing",
        f"""SELECT reference AS example, in_transit, missing, (coalesce(in_transit, 0), coalesce(missing, 0))
            <> (coalesce(under_way, 0), coalesce(lost, 0)) AS bad
        FROM (
            SELECT {_id("tfr", "transfer.id")} AS reference, product_id,
                CASE WHEN transfer.status = 'in_transit' THEN quantity ELSE 0 END AS in_transit,
                CASE WHEN transfer.status = 'received' THEN quantity - received ELSE 0 END AS missing
            FROM inventory.transfer_line JOIN inventory.transfer ON transfer.id = transfer_id
        ) AS sent FULL JOIN (
            SELECT reference, product_id, -coalesce(sum(quantity) FILTER (WHERE reason = 'transfer'), 0) AS under_way,
                -coalesce(sum(quantity) FILTER (WHERE reason = 'write-off'), 0) AS lost
            FROM inventory.movement WHERE reason IN ('transfer', 'write-off') AND starts_with(reference, 'tfr_')
            GROUP BY 1, 2
        ) AS moved USING (reference, product_id)""",  # noqa: S608, constants only
    ),
    Invariant(
        "every open transfer has a live run",
        "count(*) AS open",
        f"""SELECT {_id("tfr", "transfer.id")} AS example, {_ENDED} AS bad
        FROM inventory.transfer LEFT JOIN workflow.run ON run.id = run_id
        WHERE transfer.status IN ('requested', 'in_transit')""",  # noqa: S608, constants only
    ),
)

_COUNT_LINES = f"""
    SELECT {_id("cnt", "made.id")} AS reference, warehouse_id, product_id, status, difference, booked
    FROM inventory.stock_count_line JOIN inventory.stock_count AS made ON made.id = stock_count_id
    WHERE difference <> 0"""  # noqa: S608, constants only

# Movements of other reasons may refer to a count, too; `count` is also the reason of adjustments by hand.
_COUNTS = (
    Invariant(
        "differences of stock counts are booked once",
        "count(*) AS lines, sum(booked) AS booked, sum(units) AS movements",
        f"""SELECT reference AS example, booked, units,
            coalesce(booked, 0) <> coalesce(units, 0) OR coalesce(times > 1, false) AS bad
        FROM ({_COUNT_LINES}) AS line FULL JOIN (
            SELECT reference, warehouse_id, product_id, sum(quantity) AS units, count(*) AS times
            FROM inventory.movement WHERE reason = 'count' AND starts_with(reference, 'cnt_') GROUP BY 1, 2, 3
        ) AS moved USING (reference, warehouse_id, product_id)""",  # noqa: S608, constants only
    ),
    Invariant(
        "exactly the approved stock counts are booked, each completely",
        """count(*) AS lines, count(*) FILTER (WHERE unbooked) AS unbooked,
        count(*) FILTER (WHERE unapproved) AS unapproved""",
        f"""SELECT reference AS example, unbooked, unapproved, unbooked OR unapproved AS bad FROM (
            SELECT reference, status = 'booked' AND booked IS NULL AS unbooked,
                status NOT IN ('approved', 'booked') AND booked IS NOT NULL AS unapproved
            FROM ({_COUNT_LINES}) AS line
        ) AS judged""",  # noqa: S608, constants only
    ),
    Invariant(
        "every open stock count has a live run",
        "count(*) AS open",
        f"""SELECT {_id("cnt", "made.id")} AS example, {_ENDED} AS bad
        FROM inventory.stock_count AS made LEFT JOIN workflow.run ON run.id = run_id
        WHERE made.status IN ('open', 'submitted', 'approved')""",  # noqa: S608, constants only
    ),
)

_SOLD_BEYOND = """
    SELECT product_id, sum(quantity - filled) AS units, count(*) FILTER (WHERE status = 'waiting') AS orders
    FROM inventory.backorder WHERE status IN ('reserved', 'waiting') GROUP BY 1"""

_BACKORDERS = (
    Invariant(
        "backordered units are the sum of open backorders, within the limits",
        "sum(backordered) AS backordered, sum(units) AS backorders",
        f"""SELECT {_id("prd", "product_id")} AS example, backordered, units,
            coalesce(backordered, 0) <> coalesce(units, 0) OR coalesce(backordered > maximum + excess, false) AS bad
        FROM inventory.backorder_terms FULL JOIN ({_SOLD_BEYOND}) AS sold USING (product_id)""",  # noqa: S608
    ),
    Invariant(
        "no stock is available while orders wait for it",
        "sum(orders) AS waiting",
        f"""SELECT {_id("prd", "product_id")} AS example, orders, orders > 0 AND EXISTS (
                SELECT FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = warehouse_id
                WHERE sellable AND status = 'active' AND stock.product_id = sold.product_id
            ) AS bad
        FROM ({_SOLD_BEYOND}) AS sold""",  # noqa: S608, constants only
    ),
)

# The averages of a level move between what its units have cost; see docs/operations.md for the rules.
_COSTS = (
    Invariant(
        "average costs lie between the costs at which units came",
        "count(average_cost) AS levels, round(sum(on_hand * average_cost)) AS value",
        f"""SELECT {_LEVEL} AS example, on_hand, average_cost,
            NOT coalesce(average_cost BETWEEN lowest AND highest, average_cost IS NULL) AS bad
        FROM inventory.stock LEFT JOIN (
            SELECT product_id, warehouse_id, min(unit_cost) AS lowest, max(unit_cost) AS highest
            FROM inventory.movement WHERE unit_cost IS NOT NULL GROUP BY 1, 2
        ) AS paid USING (product_id, warehouse_id)""",  # noqa: S608, constants only
    ),
)

STOCK = (*_LEVELS, *_PURCHASES, *_TRANSFERS, *_COUNTS, *_BACKORDERS, *_COSTS)
