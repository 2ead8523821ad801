"""Parcels, tracking and picking lists."""

from api.fulfilment import allocation, labels, views
from api.fulfilment.blueprint import blueprint

__all__ = ["allocation", "blueprint", "labels", "views"]
