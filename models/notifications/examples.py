"""An example of the context of each kind, with which templates are checked and previewed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from models.notifications import contexts

_LINES: list[contexts.OrderLine] = [{"quantity": 2, "title": "Emma"}, {"quantity": 1, "title": "Pride & Prejudice"}]
_ADA, _NUMBER = "Ada", 100001

_ACCOUNT: contexts.Account = {"first_name": _ADA, "username": "ada"}
_RESET: contexts.PasswordReset = {"token": "q7Rk2xW9", "pages": "https://shop.example"}
_EMAIL_CHANGING: contexts.EmailChanging = {**_ACCOUNT, **_RESET, "days": 7}
_TO_CONFIRM: contexts.Confirmation = {
    "token": "q7Rk2xW9", "api": "https://api.shop.example", "pages": "https://shop.example",
}  # fmt: skip
_CONFIRM_ADDRESS: contexts.ConfirmAddress = {**_TO_CONFIRM, "days": 7}
_NEW_EMAIL: contexts.ConfirmNewEmail = {**_TO_CONFIRM, "hours": 24}
_NEW_DEVICE: contexts.NewDevice = {
    **_ACCOUNT, "at": datetime(2026, 11, 29, 13, tzinfo=UTC), "device": "Firefox on Linux", "place": "London, GB",
    "network": "198.51.100.0/24",
}  # fmt: skip
_SIGN_IN: contexts.SignInChanged = {**_ACCOUNT, "change": "second_factor_enabled"}
_CONFIRMED: contexts.OrderConfirmed = {
    "first_name": _ADA, "number": _NUMBER, "lines": _LINES, "total": 3297, "currency": "EUR", "invoice": "2026-000001",
    "promised": [{**_LINES[0], "promised_on": datetime(2027, 1, 15, tzinfo=UTC)}],
}  # fmt: skip
_CANCELLED: contexts.OrderCancelled = {
    "first_name": _ADA, "number": _NUMBER, "code": "insufficient_stock",
    "reason": "Only 1 unit of Emma is available.", "charged": False, "delayed": False,
}  # fmt: skip
_REFUNDED: contexts.Refunded = {
    "first_name": _ADA, "number": _NUMBER, "amount": 1099, "currency": "EUR", "reason": "A page is torn.",
    "credit_note": "C2026-000001", "pending": False,
}  # fmt: skip
_PARCEL: contexts.Parcel = {
    "first_name": _ADA, "number": _NUMBER, "lines": _LINES, "carrier": "Albatross", "tracking": "AB123456789",
    "tracking_url": "https://track.example/AB123456789",
}  # fmt: skip
_DECLINED: contexts.PaymentFailed = {
    "first_name": _ADA, "number": _NUMBER, "decline_code": "insufficient_funds",
    "reason": "Your card has insufficient funds.",
}  # fmt: skip
_COME: contexts.BackorderFilled = {"first_name": _ADA, "number": _NUMBER, "lines": _LINES[:1]}
_PIECES: contexts.LinesCancelled = {
    "first_name": _ADA, "number": _NUMBER, "lines": _LINES[:1], "reason": "Only one copy is left.", "refunded": 1099,
    "voided": 0, "currency": "EUR", "credit_note": "C2026-000001",
}  # fmt: skip
_ACTION: contexts.ActionNeeded = {
    "first_name": _ADA, "number": _NUMBER, "total": 3297, "currency": "EUR", "url": "https://bank.example/confirm",
    "expires_at": datetime(2026, 11, 29, 13, tzinfo=UTC),
}  # fmt: skip
_DECIDED: contexts.ReturnDecided = {
    "first_name": _ADA, "number": _NUMBER, "refused_because": "", "days": 30, "carrier": "Albatross",
    "tracking": "AB123456789", "return_id": "ret_01a1fdc4abb67dd09aa30324abf4e594", "pages": "https://shop.example",
}  # fmt: skip
_RETURNED: contexts.ReturnReceived = {
    "first_name": _ADA, "number": _NUMBER, "refund": 1099, "currency": "EUR", "credit_note": "C2026-000001",
    "refund_status": "succeeded", "replacement": "100043",
}  # fmt: skip
_BACK: contexts.BackInStock = {"first_name": _ADA, "title": "Emma", "sku": "BOOK-EMMA"}
_REMINDER: contexts.CartReminder = {"first_name": _ADA, "lines": _LINES}
_LOW: contexts.StockLow = {
    "sku": "BOOK-EMMA", "title": "Emma", "warehouse": "Main warehouse", "available": 3, "reorder_point": 5,
    "purchase_order": 1001,
}  # fmt: skip
_FAILED: contexts.ShipmentFailed = {"number": _NUMBER, "reason": "The authorisation has lapsed."}
_MONEY: contexts.MoneyMoved = {
    "number": _NUMBER, "payment_id": "pay_01a1fdc4abb67dd09aa30324abf4e594", "kind": "refund", "status": "failed",
    "amount": 1099, "currency": "EUR", "reason": "The card has expired.",
}  # fmt: skip
_LOST: contexts.ParcelLost = {"number": _NUMBER, "returned": False, "carrier": "Albatross", "tracking": "AB123456789"}
_PURCHASE: contexts.PurchaseOrder = {
    "number": 1001, "status": "received", "warehouse": "Main warehouse",
    "lines": [{"quantity": 20, "title": "Emma", "sku": "BOOK-EMMA"}],
}  # fmt: skip
_DIFFERS: contexts.ReconciliationDiffers = {
    "day": "2026-11-28", "reconciliation_id": "rcn_01a1fdc4abb67dd09aa30324abf4e594", "differences": 3, "repaired": 1,
    "kinds": [("missing at the provider", 2), ("amount", 1)],
}  # fmt: skip
_ENDS: contexts.AuthorisationEnds = {"number": _NUMBER, "lapsed": False, "ends": "2026-12-06 10:30 UTC"}
_MISSING: contexts.TransferIncomplete = {
    "transfer": "tra_01a1fdc4abb67dd09aa30324abf4e594", "source": "Main warehouse", "target": "Annex",
    "lines": [{"quantity": 2, "title": "Emma", "sku": "BOOK-EMMA"}],
}  # fmt: skip
_STOPPED: contexts.TransferCancelled = {
    "transfer": "tra_01a1fdc4abb67dd09aa30324abf4e594", "source": "Main warehouse", "target": "Annex",
    "reason": "The warehouse is closed.",
}  # fmt: skip
_SHORT: contexts.CountShort = {
    "stock_count": "cnt_01a1fdc4abb67dd09aa30324abf4e594", "warehouse": "Main warehouse",
    "lines": [{"quantity": 2, "title": "Emma", "sku": "BOOK-EMMA"}],
}  # fmt: skip
_EXPIRED: contexts.CountExpired = {
    "stock_count": "cnt_01a1fdc4abb67dd09aa30324abf4e594", "warehouse": "Main warehouse", "counted": 12,
}  # fmt: skip
_UNSENT: contexts.RestockCancelled = {"number": 1001, "reason": "The warehouse is closed."}
_BROKEN: contexts.TemplateFailed = {
    "template": "order_shipped/email/de", "error": "line 3: 'carier' is undefined",
}  # fmt: skip
_INCIDENT: contexts.Incident = {
    "incident": "stuck:checkout", "resolved": False,
    "detail": "A run of checkout is stuck: shop runs show run_01a1fdc4abb67dd09aa30324abf4e594",
    "url": "https://shop.example/ops/incidents/stuck:checkout",
}  # fmt: skip
_DISABLED: contexts.WebhookDisabled = {"url": "https://warehouse.example/events", "reason": "It has answered 410."}
_REPORT: contexts.ReportReady = {
    "first_name": _ADA, "report_id": "rep_01a1fdc4abb67dd09aa30324abf4e594", "kind": "levels",
    "start": datetime(2026, 11, 21, tzinfo=UTC), "end": datetime(2026, 11, 22, tzinfo=UTC),
    "totals": [("on hand", "1,204"), ("low", "3")], "attached": True,
}  # fmt: skip
_CODE: contexts.PhoneCode = {"digits": "123456", "minutes": 10}
_DEVICE: contexts.DeviceTest = {"first_name": _ADA}

EXAMPLES: Mapping[str, Mapping[str, Any]] = {
    "order_confirmed": _CONFIRMED, "order_cancelled": _CANCELLED, "refunded": _REFUNDED, "order_shipped": _PARCEL,
    "order_delivered": _PARCEL, "return_decided": _DECIDED, "return_received": _RETURNED, "password_reset": _RESET,
    "password_changed": _ACCOUNT, "sign_in_changed": _SIGN_IN, "new_device": _NEW_DEVICE, "welcome": _ACCOUNT,
    "cart_reminder": _REMINDER, "stock_low": _LOW, "email_changing": _EMAIL_CHANGING,
    "confirm_address": _CONFIRM_ADDRESS, "confirm_new_email": _NEW_EMAIL,
    "restock_cancelled": _UNSENT, "shipment_failed": _FAILED, "parcel_lost": _LOST, "goods_received": _PURCHASE,
    "goods_ordered": _PURCHASE, "order_withdrawn": _PURCHASE, "transfer_incomplete": _MISSING,
    "transfer_cancelled": _STOPPED, "reconciliation_differs": _DIFFERS, "count_short": _SHORT,
    "count_expired": _EXPIRED,
    "backorder_filled": _COME, "authorisation_ends": _ENDS,
    "lines_cancelled": _PIECES, "payment_refused": _MONEY, "refund_failed": _MONEY, "dispute_opened": _MONEY,
    "dispute_closed": _MONEY, "template_failed": _BROKEN, "action_needed": _ACTION,
    "order_delayed": _PARCEL, "payment_failed": _DECLINED, "back_in_stock": _BACK, "webhook_disabled": _DISABLED,
    "incident": _INCIDENT,
    "report_ready": _REPORT,
    "phone_code": _CODE, "device_test": _DEVICE,
}  # fmt: skip
"""Kind → an example of its context."""
