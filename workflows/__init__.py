"""One file per workflow. `celery -A workflows` finds the application here, with every step and schedule loaded."""

from workflows import (
    accounts,
    carts_left_alone,
    catalogue_import,
    checkout,
    clean_up,
    inventory_report,
    low_stock,
    restock,
    schedule,
)
from workflows.app import app

__all__ = [
    "accounts",
    "app",
    "carts_left_alone",
    "catalogue_import",
    "checkout",
    "clean_up",
    "inventory_report",
    "low_stock",
    "restock",
    "schedule",
]
