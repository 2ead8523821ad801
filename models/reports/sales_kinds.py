"""Reports on sales and stock: trends, days of cover, dead stock and sell-through. Sales are those of `sales.py`."""

from models.reports.kinds import DAY, HERE, ID, KIND, PRODUCT, PRODUCT_ID, SLICE, Chart, Column, Kind, total
from models.reports.sales import SALES, SALES_OR_SHIPMENTS

PRODUCTS_SHOWN = 100
"""Products in a trend, unless it is that of one product: those with the highest revenue of the period."""

_CATEGORY_ID = ID.format(prefix="cat", column="category.id")
_SUMS = """sum(units) AS units, sum(revenue) AS revenue, sum(returned) AS returned,
    sum(returned_amount) AS returned_amount"""
# Units are those sold less those cancelled. Returns are listed apart: they are of earlier sales.

TRENDS = Kind(
    name="trends",
    title="Sales trends",
    period=28 * DAY,
    slicing="once",
    columns=(
        Column("day", "date", "From"), Column("scope", "text", "Scope"), Column("id", "text", "Id"),
        Column("name", "text", "Name"), Column("units", "integer", "Units"), Column("revenue", "money", "Revenue"),
        Column("returned", "integer", "Returned units"), Column("returned_amount", "money", "Value of returned units"),
    ),
    # A deleted product may have no category any more.
    rows=f"""
        WITH RECURSIVE chosen AS (
            SELECT id FROM catalogue.category WHERE id = :category_id UNION
            SELECT category.id FROM catalogue.category JOIN chosen ON parent_id = chosen.id
        ), sales AS NOT MATERIALIZED (
            SELECT product_id, category_id, sold - cancelled AS units, sold_amount - cancelled_amount AS revenue,
                returned, returned_amount,
                CASE :interval WHEN 'week' THEN day - extract(isodow FROM day)::int + 1 ELSE day END AS day
            FROM {SALES_OR_SHIPMENTS} AS sales JOIN catalogue.product ON product.id = product_id
            WHERE day >= (:start AT TIME ZONE 'UTC')::date AND day < (:end AT TIME ZONE 'UTC')::date
                AND (CAST(:product_id AS uuid) IS NULL OR product_id = :product_id)
                AND (CAST(:category_id AS uuid) IS NULL OR category_id IN (SELECT id FROM chosen))
        ), best AS MATERIALIZED (
            SELECT product_id FROM sales GROUP BY 1 ORDER BY sum(revenue) DESC, product_id LIMIT {PRODUCTS_SHOWN}
        )
        SELECT day, 'category' AS scope, {_CATEGORY_ID} AS id, coalesce(category.name, 'No category') AS name,
            units, revenue, returned, returned_amount
        FROM (SELECT day, category_id, {_SUMS} FROM sales GROUP BY 1, 2) AS summed
            LEFT JOIN catalogue.category ON category.id = category_id
        UNION ALL
        SELECT day, 'product', {PRODUCT_ID}, sku || ' ' || title, units, revenue, returned, returned_amount
        FROM (SELECT day, product_id, {_SUMS} FROM sales JOIN best USING (product_id) GROUP BY 1, 2) AS summed
            JOIN catalogue.product ON product.id = product_id""",  # noqa: S608, constants only
    order="scope, name, id, day",
    totals={
        **{name: ("integer", total(name)) for name in ("units", "returned")},
        **{name: ("money", total(name)) for name in ("revenue", "returned_amount")},
    },
    group="name",
    group_title="Category",
    where="scope = 'category'",
    charts=(
        Chart("Revenue", "lines", "day", "sum(revenue)", "money", where="scope = 'category'"),
        Chart("Units", "lines", "day", "sum(units)", where="scope = 'category'"),
        Chart("Revenue by category", "lines", "day", "sum(revenue)", "money", series="name",
              where="scope = 'category'"),
        Chart("Products with the highest revenue", "bars", "name", "sum(revenue)", "money", where="scope = 'product'"),
    ),
    options=("interval", "product_id", "category_id", "warehouse_id"),
)  # fmt: skip

# What was sold in the period: of one warehouse, what has left it for orders.
_DEMAND = f"""
    SELECT product_id, sum(sold - cancelled) AS sold FROM {SALES} AS sales
    WHERE CAST(:warehouse_id AS uuid) IS NULL AND {SLICE.format(table="sales")}
        AND day >= (:start AT TIME ZONE 'UTC')::date AND day < (:end AT TIME ZONE 'UTC')::date GROUP BY 1
    UNION ALL
    SELECT product_id, -sum(quantity) FROM inventory.movement
    WHERE warehouse_id = :warehouse_id AND reason = 'sale' AND {SLICE.format(table="movement")}
        AND created_at >= :start AND created_at < :end GROUP BY 1"""  # noqa: S608, constants only
_SHELVES = f"""
    SELECT product_id, sum(on_hand) AS on_hand, sum(on_hand - reserved) AS available,
        round(sum(on_hand * average_cost)) AS value
    FROM inventory.stock JOIN inventory.warehouse ON warehouse.id = warehouse_id
    WHERE {SLICE.format(table="stock")} AND {HERE.format(table="stock")} AND status = 'active' GROUP BY 1"""  # noqa: S608
_DAYS = "greatest(extract(epoch FROM :end - :start) / 86400, 1)"
_COVERED = """CASE WHEN days IS NULL THEN 'nothing sold' WHEN days < 7 THEN 'under 7 days'
    WHEN days < 14 THEN '7 to 13 days' WHEN days < 30 THEN '14 to 29 days' WHEN days < 90 THEN '30 to 89 days'
    ELSE '90 days or more' END"""

COVER = Kind(
    name="cover",
    title="Days of cover",
    period=28 * DAY,
    slicing="products",
    columns=(
        *PRODUCT, KIND, Column("available", "integer", "Available"), Column("sold", "integer", "Sold"),
        Column("per_day", "number", "Sold per day"), Column("days", "number", "Days of cover"),
    ),
    rows=f"""
        WITH demand AS ({_DEMAND}), shelves AS ({_SHELVES})
        SELECT {PRODUCT_ID} AS product_id, sku, title, kind, coalesce(available, 0) AS available,
            coalesce(sold, 0) AS sold, round(coalesce(sold, 0) / {_DAYS}, 2) AS per_day,
            round(coalesce(available, 0) * {_DAYS} / nullif(greatest(sold, 0), 0), 1) AS days
        FROM shelves FULL JOIN demand USING (product_id) JOIN catalogue.product ON product.id = product_id
        WHERE deleted_at IS NULL AND (available > 0 OR sold > 0)""",  # noqa: S608, constants only
    order="days NULLS LAST, sku, product_id",
    totals={
        "products": ("integer", "count(*)"),
        "available": ("integer", total("available")),
        "sold": ("integer", total("sold")),
        "under_7_days": ("integer", "count(*) FILTER (WHERE days < 7)"),
    },
    group="kind",
    group_title="Kind",
    charts=(
        Chart("Products by days of cover", "bars", _COVERED, "count(*)", order="min(days) NULLS LAST"),
        Chart("Days of cover of the best-selling products", "bars", "sku", "min(days)", "number", where="sold > 0",
              order="sum(sold) DESC, label"),
    ),
)  # fmt: skip

DEAD_STOCK = Kind(
    name="dead-stock",
    title="Dead stock",
    period=90 * DAY,
    slicing="products",
    columns=(
        *PRODUCT, KIND, Column("on_hand", "integer", "On hand"), Column("value", "money", "Value"),
        Column("last_sold", "date", "Last sold"),
    ),
    # A product that was added within the period had no time to be sold.
    rows=f"""
        WITH demand AS ({_DEMAND}), shelves AS ({_SHELVES})
        SELECT {PRODUCT_ID} AS product_id, sku, title, kind, on_hand, value, (
                SELECT max(day) FROM reports.daily_sales WHERE daily_sales.product_id = product.id
                AND daily_sales.sold > 0
            ) AS last_sold
        FROM shelves LEFT JOIN demand USING (product_id) JOIN catalogue.product ON product.id = product_id
        WHERE on_hand > 0 AND coalesce(demand.sold, 0) <= 0 AND product.created_at < :start""",  # noqa: S608
    order="value DESC NULLS LAST, on_hand DESC, sku, product_id",
    totals={
        "products": ("integer", "count(*)"),
        "on_hand": ("integer", total("on_hand")),
        "value": ("money", total("value")),
    },
    group="kind",
    group_title="Kind",
    charts=(
        Chart("Units by kind", "bars", "kind", "sum(on_hand)"),
        Chart("Products with the highest value", "bars", "sku", "sum(value)", "money", where="value > 0"),
    ),
)  # fmt: skip

# What came in: from suppliers and by adjustments, not what came back or from another warehouse of the shop.
_SUPPLY = f"""
    SELECT product_id, sum(quantity) AS since, coalesce(sum(quantity) FILTER (WHERE quantity > 0
        AND created_at < :end AND reason <> 'return'
        AND (reason <> 'transfer' OR CAST(:warehouse_id AS uuid) IS NOT NULL)), 0) AS came
    FROM inventory.movement
    WHERE created_at >= :start AND {SLICE.format(table="movement")} AND {HERE.format(table="movement")}
    GROUP BY 1"""  # noqa: S608, constants only

SELL_THROUGH = Kind(
    name="sell-through",
    title="Sell-through",
    period=28 * DAY,
    slicing="products",
    columns=(
        *PRODUCT, KIND, Column("opening", "integer", "On hand before"), Column("came", "integer", "Came"),
        Column("sold", "integer", "Sold"), Column("share", "share", "Sell-through"),
    ),
    rows=f"""
        WITH demand AS ({_DEMAND}), shelves AS ({_SHELVES}), supply AS ({_SUPPLY}), goods AS (
            SELECT product_id, greatest(coalesce(on_hand, 0) - coalesce(since, 0), 0) AS opening,
                coalesce(came, 0) AS came, greatest(coalesce(sold, 0), 0) AS sold
            FROM shelves FULL JOIN supply USING (product_id) FULL JOIN demand USING (product_id)
        )
        SELECT {PRODUCT_ID} AS product_id, sku, title, kind, opening, came, sold,
            round(sold::numeric / nullif(opening + came, 0), 4) AS share
        FROM goods JOIN catalogue.product ON product.id = product_id
        WHERE opening > 0 OR came > 0 OR sold > 0""",  # noqa: S608, constants only
    order="share DESC NULLS LAST, sku, product_id",
    totals={
        **{name: ("integer", total(name)) for name in ("opening", "came", "sold")},
        "share": ("share", "round(sum(sold) / nullif(sum(opening + came), 0), 4)"),
    },
    group="kind",
    group_title="Kind",
    charts=(
        Chart("Sell-through by kind, in %", "bars", "kind",
              "round(100 * sum(sold) / nullif(sum(opening + came), 0), 1)", "number"),
        Chart("Products with the highest sell-through, in %", "bars", "sku", "round(100 * max(share), 1)", "number",
              where="sold > 0"),
    ),
)  # fmt: skip
