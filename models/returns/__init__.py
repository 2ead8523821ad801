"""Returns: goods that customers send back, and what they lead to."""

from models.returns.erasing import erase_user
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
    "get_return",
    "list_lines",
    "list_returnable",
    "receive",
    "refuse",
    "request",
    "take_in",
]
