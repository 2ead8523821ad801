"""Inventory: warehouses, stock levels, stock movements, purchase orders and transfers."""

from api.inventory import back_in_stock, backorders, purchasing, stock, transfers, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["back_in_stock", "backorders", "blueprint", "purchasing", "stock", "transfers", "warehouses"]
