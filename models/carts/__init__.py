"""Carts of customers and guests, with current prices and availability."""

from models.carts.abandoned import expire, is_abandoned, remind
from models.carts.contents import (
    add,
    clear,
    erase_user,
    get_quantities,
    open_cart,
    release,
    remove,
    remove_ordered,
    set_quantity,
)
from models.carts.guests import MergeResult, Shortage, find_guest_cart, merge, open_guest_cart
from models.carts.tables import Cart, Item
from models.carts.view import CHANGES, Change, Line, View, view, view_with_changes

__all__ = [
    "CHANGES",
    "Cart",
    "Change",
    "Item",
    "Line",
    "MergeResult",
    "Shortage",
    "View",
    "add",
    "clear",
    "erase_user",
    "expire",
    "find_guest_cart",
    "get_quantities",
    "is_abandoned",
    "merge",
    "open_cart",
    "open_guest_cart",
    "release",
    "remind",
    "remove",
    "remove_ordered",
    "set_quantity",
    "view",
    "view_with_changes",
]
