"""Inventory: warehouses, stock levels, stock movements, purchase orders and transfers."""

from api.inventory import back_in_stock, purchasing, stock, transfers, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["back_in_stock", "blueprint", "purchasing", "stock", "transfers", "warehouses"]
