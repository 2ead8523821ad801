"""One file per workflow. `celery -A workflows` finds the application here, with every step and schedule loaded."""

from tasks.app import app
from workflows import (
    accounts,
    carts_left_alone,
    catalogue_import,
    checkout,
    clean_up,
    continuation,
    inventory_report,
    low_stock,
    nudge,
    restock,
    schedule,
)

__all__ = [
    "accounts",
    "app",
    "carts_left_alone",
    "catalogue_import",
    "checkout",
    "clean_up",
    "continuation",
    "inventory_report",
    "low_stock",
    "nudge",
    "restock",
    "schedule",
]
