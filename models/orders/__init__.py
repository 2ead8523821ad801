"""Orders, their lines and invoices."""

from models.orders.cancelling import cancel
from models.orders.erasing import OVER, erase_user
from models.orders.invoices import confirm, list_invoice_numbers
from models.orders.placing import InProgress, Placed, place
from models.orders.queries import get, get_summary, lines_of, lock
from models.orders.tables import ORDER_STATUS, Invoice, InvoiceCounter, Line, Order
from models.orders.visibility import (
    get_visible_order,
    get_visible_payment,
    select_own_orders,
    select_visible_orders,
    select_visible_payments,
)

__all__ = [
    "ORDER_STATUS",
    "OVER",
    "InProgress",
    "Invoice",
    "InvoiceCounter",
    "Line",
    "Order",
    "Placed",
    "cancel",
    "confirm",
    "erase_user",
    "get",
    "get_summary",
    "get_visible_order",
    "get_visible_payment",
    "lines_of",
    "list_invoice_numbers",
    "lock",
    "place",
    "select_own_orders",
    "select_visible_orders",
    "select_visible_payments",
]
