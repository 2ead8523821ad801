"""The cart of who is signed in."""

from typing import Any

from flask import g
from flask.views import MethodView
from flask_smorest import Blueprint
from marshmallow import fields, validate

from api.auth import signed_in
from api.fields import IdField, Money, Schema
from api.idempotency import idempotent
from models import carts
from models.database import Statements, single_statements, transaction

blueprint = Blueprint("carts", __name__, url_prefix="/v1", description="What the customer means to buy")
MOST = 1_000_000  # pieces in one request


class CartItem(Schema):
    product_id = IdField("prd")
    name = fields.String()
    quantity = fields.Integer()
    unit_price = fields.Nested(Money)
    line_total = fields.Nested(Money)
    available = fields.Integer(metadata={"description": "pieces that can be sold now"})


class Cart(Schema):
    items = fields.List(fields.Nested(CartItem))
    total = fields.Nested(Money)


class Quantity(Schema):
    quantity = fields.Integer(required=True, strict=True, validate=validate.Range(1, MOST), metadata={"example": 2})


class NewItem(Quantity):
    product_id = IdField("prd", required=True)


class Removal(Schema):
    quantity = fields.Integer(validate=validate.Range(1, MOST), metadata={"description": "left out: all of it"})


@blueprint.route("/cart")
class CartView(MethodView):
    @signed_in
    @blueprint.response(200, Cart)
    def get(self) -> dict[str, Any]:
        """The cart with prices and availability as they are now."""
        with single_statements() as connection:
            return _shown(connection)


@blueprint.route("/cart/items")
class CartItemsView(MethodView):
    @signed_in
    @blueprint.arguments(NewItem())
    @idempotent(one_statement=True)
    @blueprint.response(201, Cart)
    def post(self, session: Statements, body: dict[str, Any]) -> dict[str, Any]:
        """Puts more pieces of a product into the cart; what is there of it already is added up."""
        carts.add(session, g.principal.user_id, **body)
        return _shown(session)

    @signed_in
    @blueprint.response(200, Cart)
    def delete(self) -> dict[str, Any]:
        """Empties the cart."""
        with transaction() as session:
            carts.clear(session, g.principal.user_id)
            return _shown(session)


@blueprint.route('/cart/items/<id("prd"):product_id>')
class CartItemView(MethodView):
    @signed_in
    @blueprint.arguments(Quantity)
    @blueprint.response(200, Cart)
    def patch(self, body: dict[str, Any], product_id: str) -> dict[str, Any]:
        """Makes it so many pieces of a product that is in the cart."""
        with transaction() as session:
            carts.set_quantity(session, g.principal.user_id, product_id, body["quantity"])
            return _shown(session)

    @signed_in
    @blueprint.arguments(Removal, location="query")
    @blueprint.response(200, Cart)
    def delete(self, query: dict[str, Any], product_id: str) -> dict[str, Any]:
        """Takes pieces of a product out of the cart, all of them if it is not said how many."""
        with transaction() as session:
            carts.remove(session, g.principal.user_id, product_id, query.get("quantity"))
            return _shown(session)


def _shown(session: Statements) -> dict[str, Any]:
    seen = carts.view(session, g.principal.user_id)
    return {"items": [_item(line) for line in seen.items], "total": {"amount": seen.total, "currency": seen.currency}}


def _item(line: carts.Line) -> dict[str, Any]:
    return {
        "product_id": line.product_id, "name": line.name, "quantity": line.quantity, "available": line.available,
        "unit_price": {"amount": line.unit_price, "currency": line.currency},
        "line_total": {"amount": line.line_total, "currency": line.currency},
    }  # fmt: skip
