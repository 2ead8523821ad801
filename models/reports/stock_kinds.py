"""Reports on stock: levels, valuation and movements."""

from models.reports.kinds import (
    DAY,
    HERE,
    KIND,
    PRODUCT,
    PRODUCT_ID,
    SLICE,
    WAREHOUSE,
    WAREHOUSE_ID,
    Chart,
    Column,
    Kind,
    total,
)

LEVELS = Kind(
    name="levels",
    title="Stock levels",
    period=DAY,
    slicing="products",
    columns=(
        *WAREHOUSE, *PRODUCT, KIND,
        Column("on_hand", "integer", "On hand"), Column("reserved", "integer", "Reserved"),
        Column("available", "integer", "Available"), Column("came", "integer", "Added"),
        Column("went", "integer", "Removed"), Column("reorder_point", "integer", "Reorder point"),
        Column("low", "flag", "Low"),
    ),
    # Levels without stock, movements and low stock are left out.
    rows=f"""
        WITH moved AS (
            SELECT product_id, warehouse_id, coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS came,
                coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS went
            FROM inventory.movement
            WHERE created_at >= :start AND created_at < :end AND {SLICE.format(table="movement")}
            GROUP BY 1, 2
        )
        SELECT warehouse.name AS warehouse, {WAREHOUSE_ID} AS warehouse_id, {PRODUCT_ID} AS product_id, sku, title,
            kind, on_hand, reserved, on_hand - reserved AS available, coalesce(came, 0) AS came,
            coalesce(went, 0) AS went, reorder_point, low_since IS NOT NULL AS low
        FROM inventory.stock LEFT JOIN moved USING (product_id, warehouse_id)
        JOIN catalogue.product ON product.id = product_id JOIN inventory.warehouse ON warehouse.id = warehouse_id
        WHERE {SLICE.format(table="stock")} AND {HERE.format(table="stock")}
            AND (on_hand > 0 OR came IS NOT NULL OR low_since IS NOT NULL)""",  # noqa: S608, constants only
    order="warehouse, sku, product_id",
    totals={
        **{name: ("integer", total(name)) for name in ("on_hand", "reserved", "available", "came", "went")},
        "low": ("integer", "count(*) FILTER (WHERE low)"),
    },
    group="warehouse",
    group_title="Warehouse",
    charts=(
        Chart("Units on hand by warehouse", "bars", "warehouse", "sum(on_hand)"),
        Chart("Units on hand by kind", "bars", "kind", "sum(on_hand)"),
        Chart("Units available of products furthest below their reorder point", "bars", "sku", "sum(available)",
              where="low", order="sum(available - reorder_point), label"),
    ),
)  # fmt: skip

VALUATION = Kind(
    name="valuation",
    title="Stock valuation",
    period=DAY,
    slicing="products",
    columns=(
        *WAREHOUSE, *PRODUCT, KIND, Column("on_hand", "integer", "On hand"),
        Column("average_cost", "money", "Average cost"), Column("value", "money", "Value"),
    ),
    rows=f"""
        SELECT warehouse.name AS warehouse, {WAREHOUSE_ID} AS warehouse_id, {PRODUCT_ID} AS product_id, sku, title,
            kind, on_hand, round(average_cost, 2) AS average_cost, round(on_hand * average_cost) AS value
        FROM inventory.stock JOIN catalogue.product ON product.id = product_id
        JOIN inventory.warehouse ON warehouse.id = warehouse_id
        WHERE {SLICE.format(table="stock")} AND {HERE.format(table="stock")} AND on_hand > 0""",  # noqa: S608
    order="warehouse, sku, product_id",
    totals={
        "on_hand": ("integer", total("on_hand")),
        "value": ("money", total("value")),
        "without_cost": ("integer", "coalesce(sum(on_hand) FILTER (WHERE average_cost IS NULL), 0)"),
    },
    group="warehouse",
    group_title="Warehouse",
    charts=(
        Chart("Value by warehouse", "bars", "warehouse", total("value"), "money"),
        Chart("Value by kind", "bars", "kind", total("value"), "money"),
        Chart("Products with the highest value", "bars", "sku", "sum(value)", "money", where="value > 0"),
    ),
)  # fmt: skip

MOVEMENTS = Kind(
    name="movements",
    title="Stock movements",
    period=28 * DAY,
    slicing="days",
    columns=(
        Column("day", "date", "Day"), *WAREHOUSE, KIND, Column("reason", "text", "Reason"),
        Column("movements", "integer", "Movements"), Column("came", "integer", "Added"),
        Column("went", "integer", "Removed"),
    ),
    rows=f"""
        SELECT (movement.created_at AT TIME ZONE 'UTC')::date AS day, warehouse.name AS warehouse,
            {WAREHOUSE_ID} AS warehouse_id, kind, reason, count(*) AS movements,
            coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS came,
            coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS went
        FROM inventory.movement JOIN catalogue.product ON product.id = product_id
        JOIN inventory.warehouse ON warehouse.id = warehouse_id
        WHERE movement.created_at >= :first_time AND movement.created_at < :last_time
            AND {HERE.format(table="movement")}
        GROUP BY 1, warehouse.id, kind, reason""",  # noqa: S608, constants only
    order="day, warehouse, kind, reason",
    totals={name: ("integer", total(name)) for name in ("movements", "came", "went")},
    group="reason",
    group_title="Reason",
    charts=(
        Chart("Units added by reason", "bars", "reason", "sum(came)", where="came > 0"),
        Chart("Units removed by reason", "bars", "reason", "sum(went)", where="went > 0"),
        Chart("Units added per day", "lines", "day", "sum(came)"),
        Chart("Units removed per day", "lines", "day", "sum(went)"),
    ),
)  # fmt: skip
