"""The desk of the staff: its views. Each file declares those of one subject."""

from web.desk import (
    customers,
    disputes,
    imports,
    order_actions,
    orders,
    payments,
    picking,
    products,
    reconciliations,
    reports,
    returns,
    stock,
    subscriptions,
    today,
    transfers,
)

__all__ = [
    "customers",
    "disputes",
    "imports",
    "order_actions",
    "orders",
    "payments",
    "picking",
    "products",
    "reconciliations",
    "reports",
    "returns",
    "stock",
    "subscriptions",
    "today",
    "transfers",
]
