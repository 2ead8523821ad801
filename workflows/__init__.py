"""Workflows, one file each. `celery -A workflows` loads the application, all steps and the schedule."""

from workflows import (
    abandoned_carts,
    accounts,
    back_in_stock,
    cancellation,
    catalogue_import,
    checkout,
    clean_up,
    fulfilment,
    inventory_report,
    low_stock,
    notifications,
    payments,
    reconciliation,
    restock,
    returns,
    schedule,
    transfer,
)
from workflows.app import app

__all__ = [
    "abandoned_carts",
    "accounts",
    "app",
    "back_in_stock",
    "cancellation",
    "catalogue_import",
    "checkout",
    "clean_up",
    "fulfilment",
    "inventory_report",
    "low_stock",
    "notifications",
    "payments",
    "reconciliation",
    "restock",
    "returns",
    "schedule",
    "transfer",
]
