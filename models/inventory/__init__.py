"""Warehouses, the stock in them, its movements, and what of it is promised to orders."""

from models.inventory.audit import audit
from models.inventory.reservations import allocate, release, reserve
from models.inventory.stock import (
    MAX_LEVEL,
    Opening,
    adjust,
    available,
    available_of,
    in_stock,
    levels,
    movements,
    open_stock,
    set_threshold,
)
from models.inventory.tables import Movement, Reservation, Stock, Warehouse
from models.inventory.warehouses import (
    capacity_check,
    create_warehouse,
    default_warehouse,
    get_warehouse,
    lock_warehouse,
    room_left,
    seed,
    totals,
    update_warehouse,
    warehouses,
)

__all__ = [
    "MAX_LEVEL",
    "Movement",
    "Opening",
    "Reservation",
    "Stock",
    "Warehouse",
    "adjust",
    "allocate",
    "audit",
    "available",
    "available_of",
    "capacity_check",
    "create_warehouse",
    "default_warehouse",
    "get_warehouse",
    "in_stock",
    "levels",
    "lock_warehouse",
    "movements",
    "open_stock",
    "release",
    "reserve",
    "room_left",
    "seed",
    "set_threshold",
    "totals",
    "update_warehouse",
    "warehouses",
]
