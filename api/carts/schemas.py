"""What goes in and out of the views of carts."""

from typing import TypedDict

from marshmallow import fields, validate

from api.carts.guest_token import HEADER
from api.http.fields import SOMETIMES, IdField, Money, Schema
from models import carts


class Short(Schema):
    """A product of which there was not enough for what both carts had together."""

    product_id = IdField("prd", required=True)
    name = fields.String(required=True, metadata={"example": "Emma"})
    wanted = fields.Integer(required=True, metadata={"description": "pieces in both carts together", "example": 5})
    quantity = fields.Integer(required=True, metadata={"description": "pieces in the cart now", "example": 3})


class Merge(Schema):
    """What a guest's cart has brought into the customer's."""

    added = fields.Integer(required=True, metadata={"description": "pieces that were added", "example": 4})
    short = fields.List(fields.Nested(Short), required=True)


MOST = 1_000_000  # pieces in one request


BEFORE_AND_NOW = {
    "oneOf": [{"$ref": "#/components/schemas/Money"}, {"type": "integer"}],
    "description": "Money for a `price`, pieces that can be sold for the others",
}


class CartItem(Schema):
    product_id = IdField("prd", required=True)
    name = fields.String(required=True, metadata={"example": "Emma"})
    quantity = fields.Integer(required=True, metadata={"example": 2})
    unit_price = fields.Nested(Money, required=True)
    line_total = fields.Nested(Money, required=True)
    available = fields.Integer(required=True, metadata={"description": "pieces that can be sold now", "example": 31})


class CartChange(Schema):
    """What has become of a product since the last look at the cart."""

    product_id = IdField("prd", required=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(carts.CHANGES),
        metadata={"description": "`gone`: it is no longer sold", "example": "price"},
    )
    before = fields.Raw(required=True, metadata=BEFORE_AND_NOW)
    now = fields.Raw(required=True, metadata=BEFORE_AND_NOW)


class Cart(Schema):
    items = fields.List(fields.Nested(CartItem), required=True)
    total = fields.Nested(Money, required=True)
    changes = fields.List(
        fields.Nested(CartChange), required=True,
        metadata={"description": "What has changed since the last look; this answer is one, so it is told once"},
    )  # fmt: skip


class OpenedCart(Cart):
    token = fields.String(
        metadata={
            **SOMETIMES,
            "description": f"Of a guest's cart, to be sent as `{HEADER}`. Told only now",
        }
    )
    cart = fields.Nested(
        Merge, metadata={**SOMETIMES, "description": f"If `{HEADER}` named a guest's cart: what it has brought"}
    )


class Quantity(Schema):
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, MOST), metadata={"example": 2})


class NewItem(Quantity):
    product_id = IdField("prd", required=True)


class NewItemBody(TypedDict):
    product_id: str
    quantity: int


class Removal(Schema):
    quantity = fields.Integer(validate=validate.Range(1, MOST), metadata={"description": "left out: all of it"})
