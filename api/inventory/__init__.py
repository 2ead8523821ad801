"""Inventory: warehouses, stock levels, stock movements, purchase orders, transfers and stock counts."""

from api.inventory import back_in_stock, backorders, counts, purchasing, stock, transfers, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["back_in_stock", "backorders", "blueprint", "counts", "purchasing", "stock", "transfers", "warehouses"]
