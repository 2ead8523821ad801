"""Drivers: each starts a run of a workflow on a requested path. A module per part of the shop."""

from tests.faults.drivers import counts, housekeeping, messages, money, orders, people, pictures, reports, stock
from tests.faults.drivers.orders import checkout
from tests.faults.drivers.registry import DRIVERS

__all__ = [
    "DRIVERS", "checkout", "counts", "housekeeping", "messages", "money", "orders", "people", "pictures", "reports",
    "stock",
]  # fmt: skip
