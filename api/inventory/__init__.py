"""Inventory: warehouses, stock levels, stock movements and purchase orders."""

from api.inventory import purchasing, stock, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["blueprint", "purchasing", "stock", "warehouses"]
