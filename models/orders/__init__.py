"""Orders, their lines and invoices."""

from models.orders.cancelling import cancel, cancel_confirmed, check_cancellable
from models.orders.credit_notes import credit_refund, get_credit_note, issue_credit_note, list_credit_notes
from models.orders.documents import (
    Document,
    DocumentLine,
    Seller,
    describe_credit_note,
    describe_invoice,
    facts_of,
    file_name,
    money,
    pdf_of_document,
)
from models.orders.editing import add_tag, annotate, remove_tag
from models.orders.erasing import OVER, erase_user
from models.orders.flagging import flag
from models.orders.history import Change, change_status, list_changes
from models.orders.invoices import change_invoice_status, confirm, find_invoice, get_invoice, list_invoice_numbers
from models.orders.paying import capture_payment, give_up
from models.orders.placing import InProgress, Placed, place
from models.orders.queries import get, get_summary, lines_of, list_lines, lock
from models.orders.tables import (
    INVOICE_STATUS,
    ORDER_STATUS,
    CreditNote,
    CreditNoteCounter,
    History,
    Invoice,
    InvoiceCounter,
    Line,
    Order,
    lower_full_name,
    lower_last_name,
)
from models.orders.visibility import (
    WRITE,
    get_changeable_order,
    get_own_order,
    get_visible_order,
    get_visible_payment,
    select_own_orders,
    select_visible_orders,
    select_visible_payments,
)

__all__ = [
    "INVOICE_STATUS",
    "ORDER_STATUS",
    "OVER",
    "WRITE",
    "Change",
    "CreditNote",
    "CreditNoteCounter",
    "Document",
    "DocumentLine",
    "History",
    "InProgress",
    "Invoice",
    "InvoiceCounter",
    "Line",
    "Order",
    "Placed",
    "Seller",
    "add_tag",
    "annotate",
    "cancel",
    "cancel_confirmed",
    "capture_payment",
    "change_invoice_status",
    "change_status",
    "check_cancellable",
    "confirm",
    "credit_refund",
    "describe_credit_note",
    "describe_invoice",
    "erase_user",
    "facts_of",
    "file_name",
    "find_invoice",
    "flag",
    "get",
    "get_changeable_order",
    "get_credit_note",
    "get_invoice",
    "get_own_order",
    "get_summary",
    "get_visible_order",
    "get_visible_payment",
    "give_up",
    "issue_credit_note",
    "lines_of",
    "list_changes",
    "list_credit_notes",
    "list_invoice_numbers",
    "list_lines",
    "lock",
    "lower_full_name",
    "lower_last_name",
    "money",
    "pdf_of_document",
    "place",
    "remove_tag",
    "select_own_orders",
    "select_visible_orders",
    "select_visible_payments",
]
