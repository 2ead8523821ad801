"""Request and response schemas of the cart views."""

from marshmallow import fields, validate

from api.carts.guest_token import HEADER
from api.http.fields import SOMETIMES, IdField, Money, Schema, Total
from models import carts


class Shortage(Schema):
    """A product whose stock is insufficient for the quantities of both carts."""

    product_id = IdField("prd", required=True)
    name = fields.String(required=True, metadata={"example": "Emma"})
    wanted = fields.Integer(required=True, metadata={"description": "Quantity of both carts together", "example": 5})
    quantity = fields.Integer(required=True, metadata={"description": "Quantity in the cart now", "example": 3})


class Merge(Schema):
    """The result of merging a guest cart into the customer's."""

    added = fields.Integer(required=True, metadata={"description": "Units added to the customer's cart", "example": 4})
    short = fields.List(fields.Nested(Shortage), required=True)


CHANGE_VALUE = {
    "oneOf": [{"$ref": "#/components/schemas/Money"}, {"type": "integer"}],
    "description": "Money if `kind` is `price`, otherwise available units",
}


class CartItem(Schema):
    product_id = IdField("prd", required=True)
    name = fields.String(required=True, metadata={"example": "Emma"})
    quantity = fields.Integer(required=True, metadata={"example": 2})
    unit_price = fields.Nested(Money, required=True)
    line_total = fields.Nested(Total, required=True)
    available = fields.Integer(required=True, metadata={"description": "Units available for sale", "example": 31})


class CartChange(Schema):
    """A change of a product since the cart was last shown."""

    product_id = IdField("prd", required=True)
    kind = fields.String(
        required=True,
        validate=validate.OneOf(carts.CHANGES),
        metadata={"description": "`gone`: the product is no longer sold", "example": "price"},
    )
    before = fields.Raw(required=True, metadata=CHANGE_VALUE)
    now = fields.Raw(required=True, metadata=CHANGE_VALUE)


class Cart(Schema):
    items = fields.List(fields.Nested(CartItem), required=True)
    total = fields.Nested(Total, required=True)
    changes = fields.List(
        fields.Nested(CartChange), required=True,
        metadata={"description": "Changes since the cart was last shown; each is reported once"},
    )  # fmt: skip


class OpenedCart(Cart):
    token = fields.String(
        metadata={
            **SOMETIMES,
            "description": f"The token of the guest cart, to be sent as `{HEADER}`. It cannot be retrieved later",
        }
    )
    cart = fields.Nested(
        Merge, metadata={**SOMETIMES, "description": f"The result of merging the guest cart that `{HEADER}` named"}
    )
