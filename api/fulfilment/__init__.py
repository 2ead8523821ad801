"""Parcels, tracking and picking lists."""

from api.fulfilment import views
from api.fulfilment.blueprint import blueprint

__all__ = ["blueprint", "views"]
