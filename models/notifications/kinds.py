"""The kinds of notification. A new kind is a declaration here, and a template for each of its channels.

The template of a kind and a channel is `templates/<language>/<kind>.<channel>.txt`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from models.notifications.contexts import (
    Account,
    ActionNeeded,
    AuthorisationEnds,
    BackInStock,
    BackorderFilled,
    CartReminder,
    CountExpired,
    CountShort,
    LinesCancelled,
    MoneyMoved,
    OrderCancelled,
    OrderConfirmed,
    Parcel,
    ParcelLost,
    PasswordReset,
    PaymentFailed,
    PurchaseOrder,
    ReconciliationDiffers,
    Refunded,
    ReportReady,
    RestockCancelled,
    ReturnDecided,
    ReturnReceived,
    ShipmentFailed,
    StockLow,
    TemplateFailed,
    TransferCancelled,
    TransferIncomplete,
    WebhookDisabled,
)

Audience = Literal["customer", "staff", "supplier"]
CHANNELS = ("email", "sms", "push")
"""The channels that customers choose between."""

Context = TypeVar("Context", bound=Mapping[str, Any])


@dataclass(frozen=True)
class Kind(Generic[Context]):
    """A kind of notification.

    `context`: what its templates are rendered with. `channels`: those by which it is sent unless the customer has
    chosen others. `mandatory`: customers can't switch these channels off.
    """

    name: str
    audience: Audience
    context: type[Context]
    channels: tuple[str, ...] = ("email",)
    mandatory: bool = False


KINDS: dict[str, Kind[Any]] = {}
"""Name → kind, of all that are declared below."""


def _declare(name: str, audience: Audience, context: type[Context], *, mandatory: bool = False) -> Kind[Context]:
    kind = KINDS[name] = Kind(name, audience, context, mandatory=mandatory)
    return kind


# Mandatory is what the law wants confirmed (Directive 2011/83/EU, article 8 (7)) and what keeps an account safe.
ORDER_CONFIRMED = _declare("order_confirmed", "customer", OrderConfirmed, mandatory=True)
ORDER_CANCELLED = _declare("order_cancelled", "customer", OrderCancelled, mandatory=True)
PAYMENT_FAILED = _declare("payment_failed", "customer", PaymentFailed, mandatory=True)
LINES_CANCELLED = _declare("lines_cancelled", "customer", LinesCancelled, mandatory=True)
REFUNDED = _declare("refunded", "customer", Refunded, mandatory=True)
ACTION_NEEDED = _declare("action_needed", "customer", ActionNeeded, mandatory=True)
ORDER_SHIPPED = _declare("order_shipped", "customer", Parcel, mandatory=True)
RETURN_DECIDED = _declare("return_decided", "customer", ReturnDecided, mandatory=True)
RETURN_RECEIVED = _declare("return_received", "customer", ReturnReceived, mandatory=True)
ORDER_DELAYED = _declare("order_delayed", "customer", Parcel)
ORDER_DELIVERED = _declare("order_delivered", "customer", Parcel)
BACKORDER_FILLED = _declare("backorder_filled", "customer", BackorderFilled)
PASSWORD_RESET = _declare("password_reset", "customer", PasswordReset, mandatory=True)
PASSWORD_CHANGED = _declare("password_changed", "customer", Account, mandatory=True)
WELCOME = _declare("welcome", "customer", Account)
BACK_IN_STOCK = _declare("back_in_stock", "customer", BackInStock)
CART_REMINDER = _declare("cart_reminder", "customer", CartReminder)

STOCK_LOW = _declare("stock_low", "staff", StockLow)
RESTOCK_CANCELLED = _declare("restock_cancelled", "staff", RestockCancelled)
SHIPMENT_FAILED = _declare("shipment_failed", "staff", ShipmentFailed)
PAYMENT_REFUSED = _declare("payment_refused", "staff", MoneyMoved)
REFUND_FAILED = _declare("refund_failed", "staff", MoneyMoved)
DISPUTE_OPENED = _declare("dispute_opened", "staff", MoneyMoved)
DISPUTE_CLOSED = _declare("dispute_closed", "staff", MoneyMoved)
PARCEL_LOST = _declare("parcel_lost", "staff", ParcelLost)
AUTHORISATION_ENDS = _declare("authorisation_ends", "staff", AuthorisationEnds)
RECONCILIATION_DIFFERS = _declare("reconciliation_differs", "staff", ReconciliationDiffers)
GOODS_RECEIVED = _declare("goods_received", "staff", PurchaseOrder)
TRANSFER_INCOMPLETE = _declare("transfer_incomplete", "staff", TransferIncomplete)
TRANSFER_CANCELLED = _declare("transfer_cancelled", "staff", TransferCancelled)
COUNT_SHORT = _declare("count_short", "staff", CountShort)
COUNT_EXPIRED = _declare("count_expired", "staff", CountExpired)
TEMPLATE_FAILED = _declare("template_failed", "staff", TemplateFailed)
# Sent to those who have subscribed, as long as they do; there is no other preference.
REPORT_READY = _declare("report_ready", "staff", ReportReady, mandatory=True)
WEBHOOK_DISABLED = _declare("webhook_disabled", "staff", WebhookDisabled)

GOODS_ORDERED = _declare("goods_ordered", "supplier", PurchaseOrder)
ORDER_WITHDRAWN = _declare("order_withdrawn", "supplier", PurchaseOrder)
