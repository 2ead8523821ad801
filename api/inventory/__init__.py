"""The inventory: warehouses, levels of stock and their movements."""

from api.inventory import stock, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["blueprint", "stock", "warehouses"]
