"""One file per workflow. `celery -A workflows` finds the application here, with every step and schedule loaded."""

from tasks.app import app
from workflows import (
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
    "app",
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
