"""The desk of the staff: its views. Each file declares those of one subject."""

from web.desk import (
    customers,
    imports,
    many_orders,
    order_actions,
    order_changes,
    order_views,
    orders,
    payments,
    picking,
    pictures,
    products,
    returns,
    stock,
    today,
    transfers,
)

__all__ = [
    "customers",
    "imports",
    "many_orders",
    "order_actions",
    "order_changes",
    "order_views",
    "orders",
    "payments",
    "picking",
    "pictures",
    "products",
    "returns",
    "stock",
    "today",
    "transfers",
]
