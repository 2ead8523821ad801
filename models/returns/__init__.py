"""Returns: goods that customers send back, and what they lead to."""

from models.returns.erasing import erase_user
from models.returns.exchanging import freeze, place_replacement
from models.returns.requesting import (
    Received,
    approve,
    get_return,
    list_lines,
    list_returnable,
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
    "freeze",
    "get_return",
    "list_lines",
    "list_returnable",
    "place_replacement",
    "receive",
    "refuse",
    "request",
    "take_in",
]
