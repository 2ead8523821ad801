"""Request and response schemas of the checkout view."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validates_schema

from api.accounts.schemas import NewAddress
from api.http.fields import EITHER, IdField, Pattern, Schema
from api.tasks.schemas import Accepted


class AcceptedOrder(Accepted):
    order_id = IdField("ord", required=True)


class PaymentChoice(Schema):
    method = fields.String(
        required=True,
        validate=Pattern(r"^pm_[A-Za-z0-9_]{1,100}$", error="must be a payment method of the gateway, pm_…"),
        metadata={"example": "pm_card_visa"},
    )


class CheckoutRequest(Schema):
    address_id = IdField("adr", metadata=EITHER)
    address = fields.Nested(NewAddress, metadata=EITHER)
    payment = fields.Nested(PaymentChoice, required=True)

    @validates_schema
    def _one_address(self, data: dict[str, object], **_: object) -> None:
        if ("address_id" in data) == ("address" in data):
            raise ValidationError("give either address_id or address", "address")


class CheckoutRequestBody(TypedDict):
    address_id: NotRequired[str]
    address: NotRequired[dict[str, str]]
    payment: dict[str, str]
