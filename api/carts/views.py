"""The cart of who is signed in, or of a guest."""

from flask import g, request
from flask.views import MethodView

from api.carts.blueprint import blueprint
from api.carts.guest_token import HEADER, bring_cart, may_bring_cart, signed_in_or_guest
from api.carts.schemas import Cart, NewItem, NewItemBody, OpenedCart, Quantity, Removal
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from models import carts
from models.core.database import Statements, single_statements, transaction


@blueprint.route("/cart")
class CartView(MethodView):
    @signed_in_or_guest
    @blueprint.response(200, Cart)
    def get(self) -> dict[str, object]:
        """The cart with prices and availability as they are now, and what has changed since the last look."""
        with single_statements() as connection:
            return _shown(connection)

    @public
    @may_bring_cart
    @error_codes("not_signed_in", "invalid_token", "not_allowed")
    @blueprint.response(201, OpenedCart, headers={HEADER: {"schema": {"type": "string"}}})
    @blueprint.alt_response(200, schema=OpenedCart, description="The cart of who is signed in")
    def post(self) -> tuple[object, dict[str, str]] | tuple[object, int]:
        """Opens a cart for a guest, and tells its token.

        Sent along as `X-Cart-Token`, the token does for a cart what signing in does. Sent along when signing in or
        registering, it puts what is in the guest's cart into the customer's. Who is signed in gets the own cart, with
        that of a guest merged into it in the same way.
        """
        if "Authorization" in request.headers:
            return _opened_for_customer()
        with transaction() as session:
            cart_id, token = carts.open_guest_cart(session)
            return {**_shown(session, cart_id), "token": token}, {HEADER: token}


@signed_in
def _opened_for_customer() -> tuple[object, int]:
    with transaction() as session:
        brought = bring_cart(session, g.principal.user_id)
        return {**_shown(session), **brought}, 200


@blueprint.route("/cart/items")
class CartItemsView(MethodView):
    @signed_in_or_guest
    @error_codes("not_found", "insufficient_stock")
    @blueprint.arguments(NewItem())
    @idempotent(one_statement=True)
    @blueprint.response(201, Cart)
    def post(self, session: Statements, body: NewItemBody) -> dict[str, object]:
        """Puts more pieces of a product into the cart; what is there of it already is added up."""
        carts.add(session, g.principal.user_id, **body)
        return _shown(session)

    @signed_in_or_guest
    @blueprint.response(200, Cart)
    def delete(self) -> dict[str, object]:
        """Empties the cart."""
        with transaction() as session:
            carts.clear(session, g.principal.user_id)
            return _shown(session)


@blueprint.route('/cart/items/<id("prd"):product_id>')
class CartItemView(MethodView):
    @signed_in_or_guest
    @error_codes("insufficient_stock")
    @blueprint.arguments(Quantity)
    @blueprint.response(200, Cart)
    def patch(self, body: dict[str, int], product_id: str) -> dict[str, object]:
        """Makes it so many pieces of a product that is in the cart."""
        with transaction() as session:
            carts.set_quantity(session, g.principal.user_id, product_id, body["quantity"])
            return _shown(session)

    @signed_in_or_guest
    @blueprint.arguments(Removal, location="query")
    @blueprint.response(200, Cart)
    def delete(self, query: dict[str, int], product_id: str) -> dict[str, object]:
        """Takes pieces of a product out of the cart, all of them if it is not said how many."""
        with transaction() as session:
            carts.remove(session, g.principal.user_id, product_id, query.get("quantity"))
            return _shown(session)


def _shown(session: Statements, holder: str | None = None) -> dict[str, object]:
    seen = carts.view_with_changes(session, holder or g.principal.user_id)
    return {
        "items": [_item(line) for line in seen.items],
        "total": {"amount": seen.total, "currency": seen.currency},
        "changes": [_change(change, seen.currency) for change in seen.changes],
    }


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
