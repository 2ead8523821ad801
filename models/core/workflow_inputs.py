"""What each workflow is started with. `durable.start` asks for the members that are required."""

from typing import NotRequired, TypedDict


class CheckoutInput(TypedDict):
    order_id: str
    user_id: str
    payment_id: NotRequired[str]  # runs of the release before have none, and one payment
    quantities: dict[str, int]  # product id → quantity ordered


class UserInput(TypedDict):
    user_id: str


class ResetInput(TypedDict):
    user_id: str | None  # None: nobody has that address, and the request looks the same


class CartReminderInput(TypedDict):
    cart_id: str
    user_id: str
    touched: str  # when the cart was last touched, RFC 3339


class ImportInput(TypedDict):
    import_id: str


class LowStockInput(TypedDict):
    product_id: str
    warehouse_id: str
    available: int
    reorder_point: int


class RestockInput(TypedDict):
    purchase_order_id: str


class SlotInput(TypedDict):
    slot: str
    portion: NotRequired[int]  # work that is done in portions: the number of this one


ReportInput = TypedDict("ReportInput", {"slot": str, "report_id": str, "from": str, "to": str}, total=False)
"""A slot of the schedule, or the period (RFC 3339) of a report that somebody has asked for, with its id."""


class Place(TypedDict):
    """Where a portion of the clean-up has ended: the name of its rule, and the last row's values as JSON."""

    rule: str
    after: list[object]


class PruneInput(SlotInput):
    place: NotRequired[Place]
