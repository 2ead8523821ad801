"""Request and response schemas of the checkout view."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.accounts.schemas import NewAddress
from api.http.fields import EITHER, IdField, Pattern, Schema, WebUrl
from api.tasks.schemas import Accepted
from settings import settings


class AcceptedOrder(Accepted):
    order_id = IdField("ord", required=True)


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
