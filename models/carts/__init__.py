"""Carts: what customers and guests mean to buy, with prices and availability as they are at the moment."""

from models.carts.abandoned import expire, is_left_alone, remind
from models.carts.contents import (
    add,
    clear,
    forget_user,
    open_cart,
    quantities,
    release,
    remove,
    set_quantity,
    take_out,
)
from models.carts.guests import Merged, Short, guest, merge, open_guest
from models.carts.tables import Cart, Item
from models.carts.view import CHANGES, Change, Line, View, look, view

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
    "expire",
    "forget_user",
    "guest",
    "is_left_alone",
    "look",
    "merge",
    "open_cart",
    "open_guest",
    "quantities",
    "release",
    "remind",
    "remove",
    "set_quantity",
    "take_out",
    "view",
]
