"""The input of each workflow, whose required members `durable.start` checks, and the data of its signals."""

from typing import NotRequired, TypedDict


class CheckoutInput(TypedDict):
    order_id: str
    user_id: str
    payment_id: NotRequired[str]  # runs of the release before have none, and one payment
    quantities: dict[str, int]  # product id → quantity ordered


class ActionInput(TypedDict):
    order_id: str
    payment_id: str
    remind_at: str  # RFC 3339


class CaptureInput(TypedDict):
    payment_id: str
    transaction_id: str
    order_id: str


class PaymentInput(TypedDict):
    payment_id: str


class RefundInput(CaptureInput):
    reason: str


class AuthorisationInput(TypedDict):
    payment_id: str
    order_id: str


class CancellationInput(TypedDict):
    order_id: str
    user_id: str
    payment_id: str
    reason: str


class LineCancellationInput(TypedDict):
    cancellation_id: str
    order_id: str
    user_id: str
    payment_id: str
    reason: str
    lines: dict[str, int]  # product id → pieces
    amount: int  # what they were sold for
    voided: int  # of the amount, what will not be captured


class ParcelInput(TypedDict):
    parcel_id: str
    order_id: str


class ReturnInput(TypedDict):
    return_id: str
    order_id: str


class UserInput(TypedDict):
    user_id: str


class StockCheckInput(TypedDict, total=False):
    """A slot of the schedule, a level that has recovered, or an order that was cancelled, or some `lines` of it."""

    slot: str
    product_id: str
    order_id: str
    lines: dict[str, int]  # product id → pieces
    portion: int  # the number of the batch


class WaitingInput(TypedDict):
    user_id: str
    product_id: str


class TestInput(TypedDict):
    user_id: str
    kind: str
    language: str


class MessageInput(TypedDict):
    notification_id: str
    device_id: str | None  # of a push notification


class TemplateFailedInput(TypedDict):
    template: str  # kind/channel/language
    error: str


class NewDeviceInput(TypedDict):
    user_id: str
    session_id: str
    at: str  # RFC 3339


class SignInInput(TypedDict):
    user_id: str
    change: str


class ResetInput(TypedDict):
    user_id: str | None  # None: unknown user; the request must look the same


class CartReminderInput(TypedDict):
    cart_id: str
    user_id: str
    touched: str  # when the cart was last changed, RFC 3339


class ImportInput(TypedDict):
    import_id: str


class PictureInput(TypedDict):
    picture_id: str


class LowStockInput(TypedDict):
    product_id: str
    warehouse_id: str
    available: int
    reorder_point: int


class BackorderedInput(TypedDict):
    product_id: str
    order_id: str
    quantity: int
    promised_on: str


class BackorderFilledInput(TypedDict):
    order_id: str
    quantities: dict[str, int]  # product id → units that are allocated now


class IncidentInput(TypedDict):
    incident: str
    state: str  # opened or resolved
    detail: str


class WebhookDisabledInput(TypedDict):
    endpoint_id: str
    reason: str


class RestockInput(TypedDict):
    purchase_order_id: str


class TransferInput(TypedDict):
    transfer_id: str


class StockCountInput(TypedDict):
    stock_count_id: str


class OutsideReservationInput(TypedDict):
    reservation_id: str


class SlotInput(TypedDict):
    slot: str
    portion: NotRequired[int]  # the number of the batch
    places: NotRequired[dict[str, str | None]]  # provider → the last payment of the batch before


ReportInput = TypedDict(
    "ReportInput",
    {"slot": str, "report_id": str, "kind": str, "from": str, "to": str, "options": dict[str, str], "schedule": str},
    total=False,
)
"""A slot of the schedule, or the kind, period (RFC 3339) and id of another report.

`options`: what it is limited to. `schedule`: that of its subscribers.
"""


class ReportMailInput(TypedDict):
    report_id: str
    user_id: str
    schedule: str


class ReconciliationInput(TypedDict, total=False):
    """A slot of the schedule, or the day (ISO 8601) of a request. `rest`: what is left to a child run."""

    slot: str
    day: str
    reconciliation_id: str
    rest: dict[str, object]


class Place(TypedDict):
    """The position after a batch of the clean-up: the name of the rule, and the last row's values."""

    rule: str
    after: list[object]


class PruneInput(SlotInput):
    place: NotRequired[Place]


class ActorSignal(TypedDict):
    """`actor`: the id of the user or API key who has done it."""

    actor: str | None


class DeliverySignal(ActorSignal):
    lines: NotRequired[dict[str, int]]  # product id → units received; recorded in the purchase order, too
