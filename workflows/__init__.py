"""One file per workflow. `celery -A workflows` finds the application here, with every step and schedule loaded."""

from workflows import (
    abandoned_carts,
    accounts,
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
    "abandoned_carts",
    "accounts",
    "app",
    "catalogue_import",
    "checkout",
    "clean_up",
    "inventory_report",
    "low_stock",
    "restock",
    "schedule",
]
