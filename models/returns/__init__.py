"""Returns: goods that customers send back, and what they lead to."""

from models.returns.erasing import erase_user
from models.returns.exchanging import freeze, place_replacement
from models.returns.labels import follow, get_label_request, list_tracked, record_label
from models.returns.requesting import (
    Received,
    approve,
    get_return,
    get_visible_return,
    list_lines,
    list_returnable,
    lock_return,
    receive,
    refuse,
    request,
)
from models.returns.settling import finish, take_in
from models.returns.tables import RETURN_STATUS, Return, ReturnLine

__all__ = [
    "RETURN_STATUS",
    "Received",
    "Return",
    "ReturnLine",
    "approve",
    "erase_user",
    "finish",
    "follow",
    "freeze",
    "get_label_request",
    "get_return",
    "get_visible_return",
    "list_lines",
    "list_returnable",
    "list_tracked",
    "lock_return",
    "place_replacement",
    "receive",
    "record_label",
    "refuse",
    "request",
    "take_in",
]
