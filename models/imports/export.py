"""Export of the catalogue in the shopflow format, a page at a time."""

from typing import Any
from uuid import UUID

from models.catalogue import MAX_OPTIONS
from models.core import readonly

# `stock` is the stock in the default warehouse, where an import creates opening stock.
_PAGE = """
    SELECT product.id, sku, kind, product.title, author.name AS author, author.email AS author_email,
        category.name AS category, attributes->>'published_on' AS published_on, price_amount, currency,
        coalesce(on_hand, 0) AS stock, reorder_point, description,
        nullif((attributes - 'published_on')::text, '{}') AS attributes, handle, product_group.title AS group_title,
        options, option_values
    FROM catalogue.product
    JOIN catalogue.category ON category.id = category_id
    LEFT JOIN catalogue.author ON author.id = author_id
    LEFT JOIN catalogue.product_group ON product_group.id = group_id
    LEFT JOIN (inventory.stock JOIN inventory.warehouse ON warehouse.id = warehouse_id AND is_default)
        ON product_id = product.id
    WHERE deleted_at IS NULL AND product.id > %(last)s::uuid
    ORDER BY product.id LIMIT %(limit)s
"""


def export_page(last: UUID | None, limit: int) -> tuple[list[list[Any]], UUID | None]:
    """The cells of the next products after `last`, in the order of `OURS`, and the last product's id."""
    rows = readonly.rows(_PAGE, {"last": last or UUID(int=0), "limit": limit}, plan_each=True)
    return [_cells(row) for row in rows], rows[-1].id if rows else None


def _cells(row: Any) -> list[Any]:
    price = f"{row.price_amount // 100}.{row.price_amount % 100:02}"
    texts = [row.sku, row.kind, row.title, row.author, row.author_email, row.category, row.published_on]
    named = zip(row.options or (), row.option_values or (), strict=True)
    options = [cell for option, value in named for cell in (option["name"], value)]
    return [
        *(text or "" for text in texts), price, row.currency, row.stock, row.reorder_point, row.description,
        row.attributes, row.handle, row.group_title, *options, *[""] * (2 * MAX_OPTIONS - len(options)),
    ]  # fmt: skip
