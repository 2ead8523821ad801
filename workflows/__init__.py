"""Workflows, one file each. `celery -A workflows` loads the application, all steps and the schedule."""

import gc

# What is imported stays. Looking for garbage in it meanwhile takes a fifth of the time.
_collecting = gc.isenabled()
gc.disable()

from workflows import (  # noqa: E402
    abandoned_carts,
    accounts,
    audit,
    authorisations,
    back_in_stock,
    backorders,
    cancellation,
    catalogue_import,
    checkout,
    clean_up,
    fulfilment,
    incidents,
    inventory_report,
    low_stock,
    notifications,
    outside_reservation,
    payments,
    pictures,
    reconciliation,
    restock,
    returns,
    schedule,
    stock_count,
    transfer,
    webhooks,
)
from workflows.app import app  # noqa: E402

gc.freeze()  # leaves it out of all later collections, so that forked processes share its memory
if _collecting:
    gc.enable()

__all__ = [
    "abandoned_carts",
    "accounts",
    "app",
    "audit",
    "authorisations",
    "back_in_stock",
    "backorders",
    "cancellation",
    "catalogue_import",
    "checkout",
    "clean_up",
    "fulfilment",
    "incidents",
    "inventory_report",
    "low_stock",
    "notifications",
    "outside_reservation",
    "payments",
    "pictures",
    "reconciliation",
    "restock",
    "returns",
    "schedule",
    "stock_count",
    "transfer",
    "webhooks",
]
