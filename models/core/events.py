"""Every event of the shop: its name, its payload, and the workflows that it starts.

An event is a fact, in the past tense. To find out what happens on `order.created`, search for its name here. Events
with a version are public: other programs receive them (docs/events.md).
"""

from dataclasses import dataclass
from typing import ClassVar, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True)
class DomainEvent:
    """The base class of all events. The fields of a subclass are the payload, except a field named `subject`.

    `about`: the field that contains the id of the affected object. `starts`: the workflows that the event starts, each
    with the event's id as its key and the payload as its input. `version`: that of the payload of a public event; None:
    other programs do not receive it. The payload of a version gets no field less and no other type; else it is the next
    version. A public event is emitted while its subject is locked, which gives the subject's events their order.
    `is_for_operators`: a webhook endpoint receives it only if it asks for this type.
    """

    name: ClassVar[str]
    about: ClassVar[str]
    starts: ClassVar[tuple[str, ...]]
    version: ClassVar[int | None]
    is_for_operators: ClassVar[bool]

    def __init_subclass__(
        cls, *, name: str, about: str = "subject", starts: tuple[str, ...] = (), version: int | None = None,
        is_for_operators: bool = False,
    ) -> None:  # fmt: skip
        cls.name, cls.about, cls.starts, cls.version = name, about, starts, version
        cls.is_for_operators = is_for_operators
        dataclass(frozen=True, kw_only=True)(cls)

    def subject_id(self) -> str | None:
        """The id of the affected object, if any."""
        subject: str | None = getattr(self, self.about)
        return subject

    def payload(self) -> dict[str, object]:
        """The payload, serialisable as JSON."""
        return {member: value for member, value in vars(self).items() if member != "subject"}


# ---- accounts


class AccountRegistered(DomainEvent, name="account.registered", about="user_id", starts=("confirm_address", "welcome")):
    user_id: str


class EmailConfirmed(DomainEvent, name="email.confirmed", about="user_id", starts=("held_mail",)):
    user_id: str


class AccountClosed(DomainEvent, name="account.closed", about="user_id", starts=("erasure",)):
    user_id: str


class PasswordChanged(DomainEvent, name="password.changed", about="user_id", starts=("password_changed",)):
    user_id: str


class EmailChanged(DomainEvent, name="email.changed", about="user_id"):
    user_id: str


class EmailRestored(DomainEvent, name="email.restored", about="user_id"):
    user_id: str


class SignInChanged(DomainEvent, name="sign_in.changed", about="user_id", starts=("sign_in_changed",)):
    user_id: str
    change: str  # one of those that the templates of `sign_in_changed` describe, such as second_factor_enabled


class SignedInFromNewDevice(DomainEvent, name="sign_in.new_device", about="user_id", starts=("new_device",)):
    user_id: str
    session_id: str
    at: str  # RFC 3339


class LoginThrottled(DomainEvent, name="login.throttled", about="user_id"):
    user_id: str | None  # None: no user has the name that was entered, or none was


class SessionStolen(DomainEvent, name="session.stolen", about="user_id"):
    session_id: str
    user_id: str


# ---- access


class KeyCreated(DomainEvent, name="key.created", about="key_id"):
    key_id: str
    permissions: list[str]


class KeyRevoked(DomainEvent, name="key.revoked", about="key_id"):
    key_id: str


class RoleCreated(DomainEvent, name="role.created"):
    subject: str  # the role's name
    permissions: list[str]


class RoleChanged(DomainEvent, name="role.changed"):
    subject: str  # the role's name
    added: list[str]
    removed: list[str]


class RoleDeleted(DomainEvent, name="role.deleted"):
    subject: str  # the role's name


class RoleGranted(DomainEvent, name="role.granted"):
    subject: str  # the user's id
    role: str


class RoleRevoked(DomainEvent, name="role.revoked"):
    subject: str  # the user's id
    role: str


class StaffActed(DomainEvent, name="staff.acted"):
    subject: str | None  # the id in the request's path, or else in the response
    method: str
    path: str
    permission: str
    request_id: str | None


class OperatorActed(DomainEvent, name="operator.acted"):
    """An operator has changed something with the `shop` command."""

    subject: str | None
    command: str
    user: str  # the operator's login name on the machine


# ---- orders and stock


class OrderCreated(DomainEvent, name="order.created", about="order_id", version=1):
    """A customer has placed an order. Its stock is not reserved yet, nor its payment authorised."""

    order_id: str
    user_id: str


class OrderConfirmed(DomainEvent, name="order.confirmed", about="order_id", version=1):
    """An order is certain: its stock is reserved and its payment authorised."""

    order_id: str
    user_id: str


class OrderCancelled(
    DomainEvent, name="order.cancelled", about="order_id", starts=("back_in_stock_check",), version=1
):  # fmt: skip
    """An order was cancelled, before or after its confirmation. Its stock and its money are given back."""

    order_id: str
    user_id: str


class OrderLinesCancelled(
    DomainEvent, name="order.lines_cancelled", about="order_id", starts=("back_in_stock_check",), version=1
):  # fmt: skip
    """Pieces of a confirmed order were cancelled; the rest of the order stays."""

    order_id: str
    user_id: str
    lines: dict[str, int]  # product id → pieces


class PaymentCaptured(DomainEvent, name="payment.captured", about="payment_id", version=1):
    """The payment provider has captured an amount, in minor units."""

    payment_id: str
    order_id: str
    transaction_id: str
    amount: int
    currency: str


class PaymentRefunded(DomainEvent, name="payment.refunded", about="payment_id", version=1):
    """The payment provider has refunded an amount, in minor units."""

    payment_id: str
    order_id: str
    transaction_id: str
    amount: int
    currency: str


class ParcelShipped(DomainEvent, name="fulfilment.shipped", about="parcel_id", starts=("delay_notice",), version=1):
    """A parcel has left the warehouse."""

    parcel_id: str
    order_id: str


class ParcelDelivered(DomainEvent, name="fulfilment.delivered", about="parcel_id", version=1):
    """A parcel has reached the customer."""

    parcel_id: str
    order_id: str


class RefundFailed(DomainEvent, name="refund.failed", about="payment_id", starts=("refund_failed",), version=1):
    """A refund that was asked for has failed at the payment provider."""

    payment_id: str
    order_id: str
    transaction_id: str


class DisputeOpened(DomainEvent, name="dispute.opened", about="payment_id", starts=("dispute_opened",), version=1):
    """The customer has disputed a payment at the bank."""

    payment_id: str
    order_id: str
    transaction_id: str


class DisputeClosed(DomainEvent, name="dispute.closed", about="payment_id", starts=("dispute_closed",), version=1):
    """A dispute has ended."""

    payment_id: str
    order_id: str
    transaction_id: str


class StockBackordered(DomainEvent, name="stock.backordered", about="product_id", starts=("backordered",)):
    product_id: str
    order_id: str
    quantity: int
    promised_on: str  # RFC 3339, a date


class BackorderFilled(DomainEvent, name="backorder.filled", about="order_id", starts=("backorder_filled",)):
    order_id: str
    quantities: dict[str, int]  # product id → units that are allocated now


class ReservationReleased(
    DomainEvent, name="reservation.released", about="reservation_id", starts=("back_in_stock_check",), version=1
):  # fmt: skip
    """Units that were held for an order of another system are available again: `status` is released or expired."""

    reservation_id: str
    reference: str  # what the other system calls the order
    status: str


class ReturnReceived(DomainEvent, name="return.received", about="return_id", version=1):
    """The goods of a return have arrived."""

    return_id: str
    order_id: str


class ProductChanged(DomainEvent, name="product.changed", about="product_id", version=1):
    """A product was created, updated or deleted: `change`."""

    product_id: str
    sku: str
    change: str


class StockChanged(DomainEvent, name="stock.changed", about="product_id", version=1):
    """Units of a product came into a warehouse or left it. The level is that after the movement.

    Not emitted here: a trigger on `inventory.movement` records one for each movement, whoever inserts it. Reservations
    are no movements; see `order.confirmed` and `order.cancelled`.
    """

    movement_id: str
    product_id: str
    warehouse_id: str
    quantity: int
    on_hand: int
    reserved: int
    available: int
    reason: str
    reference: str | None


class StockLow(DomainEvent, name="stock.low", about="product_id", starts=("low_stock",), version=1):
    """The available units of a product in a warehouse have fallen to the reorder point, or below it."""

    product_id: str
    warehouse_id: str
    available: int
    reorder_point: int
    reorder_quantity: int | None


class StockRecovered(
    DomainEvent, name="stock.recovered", about="product_id", starts=("back_in_stock_check",), version=1
):
    """The available units of a product in a warehouse have risen above the reorder point."""

    product_id: str
    warehouse_id: str
    available: int
    reorder_point: int | None  # None: the reorder point was removed
    reorder_quantity: int | None


# ---- notifications


class TemplateFailed(DomainEvent, name="template.failed", about="template", starts=("template_failed",)):
    template: str  # kind/channel/language
    error: str


# ---- webhooks


class WebhookDisabled(DomainEvent, name="webhook.disabled", about="endpoint_id", starts=("webhook_disabled",)):
    endpoint_id: str
    reason: str


# ---- workflows


class RunStuck(DomainEvent, name="run.stuck", about="run_id"):
    run_id: str
    workflow: str
    step: str


class IncidentOpened(
    DomainEvent, name="incident.opened", about="incident", starts=("incident_notice",), version=1,
    is_for_operators=True,
):  # fmt: skip
    """Something requires an operator: runs are stuck, dispatchers do not sweep, or an invariant is broken."""

    incident: str
    state: str  # opened
    detail: str


class IncidentResolved(
    DomainEvent, name="incident.resolved", about="incident", starts=("incident_notice",), version=1,
    is_for_operators=True,
):  # fmt: skip
    """What required an operator is over."""

    incident: str
    state: str  # resolved
    detail: str


EVENT_TYPES: dict[str, type[DomainEvent]] = {event.name: event for event in DomainEvent.__subclasses__()}
"""Event name → its class."""
PUBLIC_TYPES: dict[str, type[DomainEvent]] = {
    name: event for name, event in sorted(EVENT_TYPES.items()) if event.version is not None
}
"""Event name → its class, of the events that other programs receive."""
SHOP_TYPES = tuple(name for name, event in PUBLIC_TYPES.items() if not event.is_for_operators)
"""The names of public events that tell of the shop, and not of its operation."""
