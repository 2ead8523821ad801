"""Carts of customers and guests."""

from typing import TypedDict

from marshmallow import fields, validate

from models import carts
from models.accounts import Principal
from models.core.database import Statements, single_statements
from serving.fields import IdField, Schema

MAX_QUANTITY = 1_000_000  # units in one request


class Quantity(Schema):
    quantity = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, MAX_QUANTITY), metadata={"example": 2}
    )


class NewItem(Quantity):
    product_id = IdField("prd", required=True)


class NewItemBody(TypedDict):
    product_id: str
    quantity: int


class Removal(Schema):
    quantity = fields.Integer(
        validate=validate.Range(1, MAX_QUANTITY), metadata={"description": "Units to remove; defaults to all"}
    )


def _item(line: carts.Line) -> dict[str, object]:
    return {
        "product_id": line.product_id, "name": line.name, "quantity": line.quantity, "available": line.available,
        "unit_price": {"amount": line.unit_price, "currency": line.currency},
        "line_total": {"amount": line.line_total, "currency": line.currency},
    }  # fmt: skip


def _change(change: carts.Change, currency: str) -> dict[str, object]:
    before, now = (
        {"amount": figure, "currency": currency} if change.kind == "price" else figure
        for figure in (change.before, change.now)
    )
    return {"product_id": change.product_id, "kind": change.kind, "before": before, "now": now}


def cart_view(session: Statements, holder: str) -> dict[str, object]:
    """The cart of a customer, by user id, or of a guest, by cart id. Reports each change once."""
    seen = carts.view_with_changes(session, holder)
    return {
        "items": [_item(line) for line in seen.items],
        "total": {"amount": seen.total, "currency": seen.currency},
        "changes": [_change(change, seen.currency) for change in seen.changes],
    }


def guest_principal(token: str) -> Principal:
    """The guest who holds the token of a cart; `user_id` is the id of the cart. Raises NotSignedIn."""
    with single_statements() as connection:
        cart_id = carts.find_guest_cart(connection, token)
    return Principal(cart_id, "", frozenset(), frozenset())
