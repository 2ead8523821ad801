"""Checkout: the request, load shedding, and the order that it places."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema
from sqlalchemy.orm import Session

from models import accounts, orders
from models.core import idempotency
from models.core.database import single_statements
from models.core.errors import Overloaded
from monitoring import overload
from serving.accounts import NewAddress
from serving.fields import EITHER, IdField, Pattern, Schema, WebUrl
from settings import settings


class PaymentChoice(Schema):
    provider = fields.String(load_default="stripe", validate=validate.OneOf(settings.payment_providers))
    method = fields.String(
        validate=Pattern(r"^pm_[A-Za-z0-9_]{1,100}$", error="must be a payment method of the gateway, pm_…"),
        metadata={"example": "pm_card_visa", "description": "Stripe's payment method. PayPal needs none."},
    )
    return_url = WebUrl(
        metadata={"description": "Where customers who had to confirm the payment return to; default: the shop's page"},
    )  # fmt: skip

    @validates_schema
    def _method_for_stripe(self, data: dict[str, str], **_: object) -> None:
        if ("method" in data) != (data["provider"] == "stripe"):
            raise ValidationError("is required with the provider stripe, and only with it", "method")


class CheckoutRequest(Schema):
    address_id = IdField("adr", metadata=EITHER)
    address = fields.Nested(NewAddress, metadata=EITHER)
    payment = fields.Nested(PaymentChoice, required=True)

    @validates_schema
    def _one_address(self, data: dict[str, object], **_: object) -> None:
        if ("address_id" in data) == ("address" in data):
            raise ValidationError("give either address_id or address", "address")


class PaymentChoiceBody(TypedDict):
    provider: str
    method: NotRequired[str]
    return_url: NotRequired[str]


class CheckoutRequestBody(TypedDict):
    address_id: NotRequired[str]
    address: NotRequired[dict[str, str]]
    payment: PaymentChoiceBody


def place(
    session: Session, user_id: str, body: CheckoutRequestBody, return_page: str | None, order_id: str | None = None
) -> orders.Placed:
    """Places an order from the cart and starts its checkout. `return_page`: where customers return to who had to
    confirm the payment, unless the request names another; None: such a payment is declined.
    `order_id`: the new order's id, if that page's address names it. Raises what `orders.place` raises."""
    payment = body["payment"]
    address = body.get("address") or accounts.address_as_data(session, user_id, body["address_id"])
    return orders.place(
        session, user_id, address, payment.get("method", payment["provider"]), gateway=payment["provider"],
        return_url=payment.get("return_url") or return_page, order_id=order_id,
    )  # fmt: skip


def refuse_if_overloaded(user_id: str | None, key: str | None) -> None:
    """Refuses a new checkout that would wait for longer than `SHOP_MAX_WAIT`.

    Retries of an accepted checkout get their stored response; detecting them costs one primary-key lookup. Requests
    without a valid token or idempotency key pass: they are refused later, for that reason. Raises Overloaded.
    """
    seconds = overload.retry_after()
    if seconds is None or user_id is None or not key:
        return
    with single_statements() as connection:
        if idempotency.is_used(connection, user_id, key):
            return
    raise Overloaded("The shop is overloaded; try again later.", retry_after=seconds)
