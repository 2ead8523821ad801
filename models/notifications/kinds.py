"""The kinds of notification. A new kind is a declaration here, and a template for each of its channels.

The template of a kind and a channel is `templates/<language>/<kind>.<channel>.txt`; that of text messages and push
notifications is `<kind>.short.txt` unless one of them has its own.
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
    ConfirmAddress,
    ConfirmNewEmail,
    CountExpired,
    CountShort,
    DeviceTest,
    EmailChanging,
    Incident,
    LinesCancelled,
    MoneyMoved,
    NewDevice,
    OrderCancelled,
    OrderConfirmed,
    Parcel,
    ParcelLost,
    PasswordReset,
    PaymentFailed,
    PhoneCode,
    PurchaseOrder,
    ReconciliationDiffers,
    Refunded,
    ReportReady,
    RestockCancelled,
    ReturnDecided,
    ReturnReceived,
    ShipmentFailed,
    SignInChanged,
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
    chosen others. `offered`: those that customers can choose besides. `mandatory`: customers can't switch its mail off.
    `proves`: its mail is how an address is confirmed, and is sent before it is.
    """

    name: str
    audience: Audience
    context: type[Context]
    channels: tuple[str, ...] = ("email",)
    offered: tuple[str, ...] = ()
    mandatory: bool = False
    proves: bool = False

    @property
    def all_channels(self) -> tuple[str, ...]:
        """Those for which it has templates, in the order of CHANNELS."""
        return tuple(one for one in CHANNELS if one in self.channels or one in self.offered)


KINDS: dict[str, Kind[Any]] = {}
"""Name → kind, of all that are declared below."""


def _declare(
    name: str, audience: Audience, context: type[Context], channels: str = "email", offered: str = "", *,
    mandatory: bool = False, proves: bool = False,
) -> Kind[Context]:  # fmt: skip
    ways = tuple(channels.split()), tuple(offered.split())
    kind = KINDS[name] = Kind(name, audience, context, *ways, mandatory, proves)
    return kind


# Mandatory is what the law wants confirmed (Directive 2011/83/EU, article 8 (7)) and what keeps an account safe.
# Text messages cost money and interrupt: by default they are for what cannot wait.
_URGENT, _USUAL = "email sms push", ("email push", "sms")
ORDER_CONFIRMED = _declare("order_confirmed", "customer", OrderConfirmed, *_USUAL, mandatory=True)
ORDER_CANCELLED = _declare("order_cancelled", "customer", OrderCancelled, _URGENT, mandatory=True)
PAYMENT_FAILED = _declare("payment_failed", "customer", PaymentFailed, _URGENT, mandatory=True)
LINES_CANCELLED = _declare("lines_cancelled", "customer", LinesCancelled, *_USUAL, mandatory=True)
REFUNDED = _declare("refunded", "customer", Refunded, *_USUAL, mandatory=True)
ACTION_NEEDED = _declare("action_needed", "customer", ActionNeeded, _URGENT, mandatory=True)
ORDER_SHIPPED = _declare("order_shipped", "customer", Parcel, _URGENT, mandatory=True)
RETURN_DECIDED = _declare("return_decided", "customer", ReturnDecided, *_USUAL, mandatory=True)
RETURN_RECEIVED = _declare("return_received", "customer", ReturnReceived, *_USUAL, mandatory=True)
ORDER_DELAYED = _declare("order_delayed", "customer", Parcel, _URGENT)
ORDER_DELIVERED = _declare("order_delivered", "customer", Parcel, _URGENT)
BACKORDER_FILLED = _declare("backorder_filled", "customer", BackorderFilled, *_USUAL)
CONFIRM_ADDRESS = _declare("confirm_address", "customer", ConfirmAddress, mandatory=True, proves=True)
PASSWORD_RESET = _declare("password_reset", "customer", PasswordReset, mandatory=True, proves=True)
PASSWORD_CHANGED = _declare("password_changed", "customer", Account, _URGENT, mandatory=True)
EMAIL_CHANGING = _declare("email_changing", "customer", EmailChanging, mandatory=True)
CONFIRM_NEW_EMAIL = _declare("confirm_new_email", "customer", ConfirmNewEmail, mandatory=True, proves=True)
NEW_DEVICE = _declare("new_device", "customer", NewDevice, *_USUAL, mandatory=True)
SIGN_IN_CHANGED = _declare("sign_in_changed", "customer", SignInChanged, _URGENT, mandatory=True)
WELCOME = _declare("welcome", "customer", Account)
BACK_IN_STOCK = _declare("back_in_stock", "customer", BackInStock, *_USUAL)
CART_REMINDER = _declare("cart_reminder", "customer", CartReminder, "email", "sms push")
PHONE_CODE = _declare("phone_code", "customer", PhoneCode, "sms", mandatory=True)
DEVICE_TEST = _declare("device_test", "customer", DeviceTest, "push", mandatory=True)

STOCK_LOW = _declare("stock_low", "staff", StockLow, "email sms")
RESTOCK_CANCELLED = _declare("restock_cancelled", "staff", RestockCancelled)
SHIPMENT_FAILED = _declare("shipment_failed", "staff", ShipmentFailed, "email sms")
PAYMENT_REFUSED = _declare("payment_refused", "staff", MoneyMoved, "email sms")
REFUND_FAILED = _declare("refund_failed", "staff", MoneyMoved)
DISPUTE_OPENED = _declare("dispute_opened", "staff", MoneyMoved, "email sms")
DISPUTE_CLOSED = _declare("dispute_closed", "staff", MoneyMoved)
PARCEL_LOST = _declare("parcel_lost", "staff", ParcelLost)
AUTHORISATION_ENDS = _declare("authorisation_ends", "staff", AuthorisationEnds)
RECONCILIATION_DIFFERS = _declare("reconciliation_differs", "staff", ReconciliationDiffers, "email sms")
GOODS_RECEIVED = _declare("goods_received", "staff", PurchaseOrder)
TRANSFER_INCOMPLETE = _declare("transfer_incomplete", "staff", TransferIncomplete)
TRANSFER_CANCELLED = _declare("transfer_cancelled", "staff", TransferCancelled)
COUNT_SHORT = _declare("count_short", "staff", CountShort)
COUNT_EXPIRED = _declare("count_expired", "staff", CountExpired)
TEMPLATE_FAILED = _declare("template_failed", "staff", TemplateFailed)
# Sent to those who have subscribed, as long as they do; there is no other preference.
REPORT_READY = _declare("report_ready", "staff", ReportReady, mandatory=True)
WEBHOOK_DISABLED = _declare("webhook_disabled", "staff", WebhookDisabled)
INCIDENT = _declare("incident", "staff", Incident, "email sms")

GOODS_ORDERED = _declare("goods_ordered", "supplier", PurchaseOrder)
ORDER_WITHDRAWN = _declare("order_withdrawn", "supplier", PurchaseOrder)
