"""The inventory: warehouses, levels of stock and their movements, and what is ordered for them."""

from api.inventory import purchasing, stock, warehouses
from api.inventory.blueprint import blueprint

__all__ = ["blueprint", "purchasing", "stock", "warehouses"]
