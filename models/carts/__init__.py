"""Carts: what customers and guests mean to buy, with prices and availability as they are at the moment."""

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
from models.carts.guests import Merged, Short, find_guest_cart, merge, open_guest_cart
from models.carts.tables import Cart, Item
from models.carts.view import CHANGES, Change, Line, View, view, view_with_changes

__all__ = [
    "CHANGES",
    "Cart",
    "Change",
    "Item",
    "Line",
    "Merged",
    "Short",
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
