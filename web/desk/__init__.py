"""The desk of the staff: its views. Each file declares those of one subject."""

from web.desk import (
    customers,
    imports,
    order_actions,
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
    "order_actions",
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
