"""Orders, their lines and invoices."""

from models.orders.cancelling import cancel, cancel_confirmed
from models.orders.credit_notes import issue_credit_note, list_credit_notes
from models.orders.editing import edit
from models.orders.erasing import OVER, erase_user
from models.orders.history import Change, change_status, list_changes
from models.orders.invoices import confirm, list_invoice_numbers
from models.orders.paying import capture_payment
from models.orders.placing import InProgress, Placed, place
from models.orders.queries import get, get_summary, lines_of, lock
from models.orders.tables import (
    ORDER_STATUS,
    CreditNote,
    CreditNoteCounter,
    History,
    Invoice,
    InvoiceCounter,
    Line,
    Order,
)
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
    "Change",
    "CreditNote",
    "CreditNoteCounter",
    "History",
    "InProgress",
    "Invoice",
    "InvoiceCounter",
    "Line",
    "Order",
    "Placed",
    "cancel",
    "cancel_confirmed",
    "capture_payment",
    "change_status",
    "confirm",
    "edit",
    "erase_user",
    "get",
    "get_summary",
    "get_visible_order",
    "get_visible_payment",
    "issue_credit_note",
    "lines_of",
    "list_changes",
    "list_credit_notes",
    "list_invoice_numbers",
    "lock",
    "place",
    "select_own_orders",
    "select_visible_orders",
    "select_visible_payments",
]
