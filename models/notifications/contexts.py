"""What the templates of each kind of notification are rendered with."""

from datetime import datetime
from typing import TypedDict


class OrderLine(TypedDict):
    quantity: int
    title: str


class Goods(OrderLine):
    sku: str


class PromisedLine(OrderLine):
    """Units that are backordered, and the day on which they are promised, in UTC."""

    promised_on: datetime


class OrderConfirmed(TypedDict):
    """`total` in minor units of `currency`; `invoice` is the invoice number."""

    first_name: str
    number: int
    lines: list[OrderLine]
    promised: list[PromisedLine]
    total: int
    currency: str
    invoice: str


class BackorderFilled(TypedDict):
    """`lines`: the units that have come."""

    first_name: str
    number: int
    lines: list[OrderLine]


class OrderCancelled(TypedDict):
    """`code` and `reason`: why, for programs and for people.

    `charged`: whether the order had been confirmed, so that money is given back; `delayed`: its refund has failed and
    will be repeated.
    """

    first_name: str
    number: int
    code: str
    reason: str
    charged: bool
    delayed: bool


class PaymentFailed(TypedDict):
    """`decline_code`: the provider's reason, such as `insufficient_funds`; `reason`: its words."""

    first_name: str
    number: int
    decline_code: str
    reason: str


class LinesCancelled(TypedDict):
    """`refunded` and `voided` (not captured) in minor units of `currency`; `credit_note` is empty without either."""

    first_name: str
    number: int
    lines: list[OrderLine]
    reason: str
    refunded: int
    voided: int
    currency: str
    credit_note: str


class Refunded(TypedDict):
    """`amount` in minor units of `currency`; `credit_note` is its number, empty if it was credited before.

    `pending`: whether the provider has not finished it.
    """

    first_name: str
    number: int
    amount: int
    currency: str
    reason: str
    credit_note: str
    pending: bool


class Parcel(TypedDict):
    """`tracking` is empty if there is no tracking number, `tracking_url` if the carrier has no page for it."""

    first_name: str
    number: int
    lines: list[OrderLine]
    carrier: str
    tracking: str
    tracking_url: str


class ActionNeeded(TypedDict):
    """`total` in minor units of `currency`; `url`: where the customer confirms the payment, until `expires_at`."""

    first_name: str
    number: int
    total: int
    currency: str
    url: str
    expires_at: datetime


class ReturnDecided(TypedDict):
    """`refused_because` is empty for an approved return.

    `carrier` and `tracking` are those of its label, empty without one; `pages`: the URL of the shop's pages, empty if
    it has none.
    """

    first_name: str
    number: int
    return_id: str
    refused_because: str
    days: float
    carrier: str
    tracking: str
    pages: str


class ReturnReceived(TypedDict):
    """`refund` in minor units of `currency`; `credit_note` is empty if nothing is refunded.

    `refund_status`: `succeeded`, `pending`, or `failed` for one that will be repeated.
    `replacement`: the number of the order that replaces the goods, empty if none does.
    """

    first_name: str
    number: int
    refund: int
    currency: str
    credit_note: str
    refund_status: str
    replacement: str


class ShipmentFailed(TypedDict):
    number: int
    reason: str


class MoneyMoved(TypedDict):
    """A capture, refund or dispute for staff. `amount` in minor units of `currency`; `reason` may be empty."""

    number: int
    payment_id: str
    kind: str
    status: str
    amount: int
    currency: str
    reason: str


class ParcelLost(TypedDict):
    """`returned`: the carrier brings it back."""

    number: int
    returned: bool
    carrier: str
    tracking: str


class ReconciliationDiffers(TypedDict):
    """`kinds`: each kind of difference, in words, with its number."""

    day: str
    reconciliation_id: str
    differences: int
    repaired: int
    kinds: list[tuple[str, int]]


class BackInStock(TypedDict):
    first_name: str
    title: str
    sku: str


class AuthorisationEnds(TypedDict):
    """`lapsed`: the money is released already; otherwise it will be at `ends`."""

    number: int
    lapsed: bool
    ends: str


class CartReminder(TypedDict):
    first_name: str
    lines: list[OrderLine]


class Account(TypedDict):
    first_name: str
    username: str


class NewDevice(Account):
    """Of the sign-in. `device`, `place` and `network` are empty if they are not known."""

    at: datetime
    device: str
    place: str
    network: str


class SignInChanged(Account):
    """`change`: second_factor_enabled, second_factor_disabled, second_factor_reset (by staff),
    recovery_codes_renewed, recovery_code_used, passkey_added, passkey_deleted, identity_linked, or
    identity_unlinked."""

    change: str


class PasswordReset(TypedDict):
    """`pages`: the URL of the shop's pages, empty if it has none.

    It has no text that users choose: whoever registered may have given a stranger's address.
    """

    token: str
    pages: str


class Confirmation(TypedDict):
    """`token` confirms the address to which this is mailed. `api` and `pages`: the URLs of the API and of the shop's
    pages, empty if they are not known.

    Whoever has the address may not be the user, so it has no text that users choose.
    """

    token: str
    api: str
    pages: str


class ConfirmAddress(Confirmation):
    """`days`: for which the token is valid."""

    days: int


class ConfirmNewEmail(Confirmation):
    """`hours`: for which the token is valid."""

    hours: int


class EmailChanging(Account):
    """`token` restores the address to which this is mailed; `days`: for which it is valid. `pages`: the URL of the
    shop's pages, empty if it has none."""

    token: str
    pages: str
    days: int


class StockLow(TypedDict):
    """`purchase_order`: the number of the purchase order that was created for it."""

    sku: str
    title: str
    warehouse: str
    available: int
    reorder_point: int
    purchase_order: int | None


class PurchaseOrder(TypedDict):
    number: int
    status: str
    warehouse: str
    lines: list[Goods]


class RestockCancelled(TypedDict):
    number: int
    reason: str


class Transfer(TypedDict):
    """`source` and `target` are the names of the warehouses."""

    transfer: str
    source: str
    target: str


class TransferIncomplete(Transfer):
    """`lines`: the units that have not arrived."""

    lines: list[Goods]


class TransferCancelled(Transfer):
    reason: str


class CountShort(TypedDict):
    """`lines`: the missing units that are reserved for orders."""

    stock_count: str
    warehouse: str
    lines: list[Goods]


class CountExpired(TypedDict):
    """`counted`: lines that were counted; they are lost."""

    stock_count: str
    warehouse: str
    counted: int


class TemplateFailed(TypedDict):
    """`template`: kind/channel/language."""

    template: str
    error: str


class ReportReady(TypedDict):
    """`kind`: `levels`; `start` and `end`: its period. `totals`: each in words, with its value as text.

    `attached`: whether the workbook is attached as well as the page.
    """

    first_name: str
    report_id: str
    kind: str
    start: datetime
    end: datetime
    totals: list[tuple[str, str]]
    attached: bool


class Incident(TypedDict):
    """`url`: its page in the console, or empty."""

    incident: str
    detail: str
    resolved: bool
    url: str


class WebhookDisabled(TypedDict):
    url: str
    reason: str


class PhoneCode(TypedDict):
    """`digits`: stands for the code, which is stored nowhere; `minutes`: for which it is valid."""

    digits: str
    minutes: int


class DeviceTest(TypedDict):
    first_name: str
