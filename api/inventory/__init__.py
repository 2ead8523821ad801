"""Inventory: warehouses, stock levels, stock movements, purchase orders and transfers."""

from api.inventory import purchasing, stock, transfers, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["blueprint", "purchasing", "stock", "transfers", "warehouses"]
