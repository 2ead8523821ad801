"""The rules and deadlines of orders, payments, returns, stock counts and carts."""

from pydantic import BaseModel, Field


class Trade(BaseModel):
    """The rules and deadlines of orders, payments, returns, stock counts and carts."""

    capture: str = Field(
        "on_shipment",
        pattern="^(on_shipment|on_confirmation|manual)$",
        description="when payments are captured: on_shipment (when the first parcel leaves), on_confirmation, manual",
    )
    hold_margin_hours: float = Field(
        24.0, ge=0, description="hours before an authorisation ends at which its order is flagged for staff"
    )
    reconcile_days: int = Field(
        30, ge=1, le=400, description="days whose payments a reconciliation compares, up to its own day"
    )
    reconcile_grace: float = Field(
        60.0, ge=0, description="minutes after its creation before which a payment is not reconciled"
    )
    delivery_days: float = Field(
        14.0, gt=0, description="days after its shipment at which a parcel that was not delivered counts as lost"
    )
    delay_days: float = Field(7.0, gt=0, description="days after its shipment at which a parcel is late")
    return_days: float = Field(
        14.0, ge=14, description="days after the last delivery for which customers can request a return"
    )
    return_send_days: float = Field(
        30.0, gt=0, description="days after its approval at which a return that was not received is closed"
    )
    return_fee: int = Field(0, ge=0, description="deducted from the refund of a return, in minor units")
    count_days: float = Field(
        7.0, gt=0, description="days without an entry after which a stock count that was not approved expires"
    )
    count_approval_value: int = Field(
        100_000,
        ge=0,
        description="value of the differences of a stock count, in minor units, above which whoever has counted cannot "
        "approve it",
    )
    reservation_seconds: float = Field(
        3600.0, gt=0, description="seconds for which goods are held for an outside order, unless the request says"
    )
    reservation_max_seconds: int = Field(
        604_800, ge=1, description="seconds for which a request can hold goods for an outside order"
    )
    checkout_deadline: float = Field(
        300.0, gt=0, description="seconds after its first step at which an unfinished checkout is compensated"
    )
    action_deadline: float = Field(
        3600.0, gt=0, description="seconds for which a checkout waits for a customer who has to confirm the payment"
    )
    guest_cart_days: int = Field(30, ge=1, description="days after which an idle guest cart is deleted")
    cart_days: int = Field(180, ge=1, description="days after which an idle customer cart is emptied")
    cart_reminder_hours: float = Field(
        24.0, gt=0, description="hours after which a customer is reminded of an idle cart"
    )
