"""Inventory: warehouses, stock levels, stock movements, purchase orders, transfers, stock counts, reservations."""

from api.inventory import back_in_stock, backorders, counts, outside, purchasing, stock, transfers, warehouses
from api.inventory.blueprint import blueprint

__all__ = [
    "back_in_stock",
    "backorders",
    "blueprint",
    "counts",
    "outside",
    "purchasing",
    "stock",
    "transfers",
    "warehouses",
]
