"""Views of the cart of a customer or guest."""

from flask import g, request
from flask.views import MethodView

from api.carts.blueprint import blueprint
from api.carts.guest_token import HEADER, accepts_guest_cart, merge_guest_cart, signed_in_or_guest
from api.carts.schemas import Cart, OpenedCart
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.limits import limited
from models import carts
from models.core.database import Statements, single_statements, transaction
from serving.carts import NewItem, NewItemBody, Quantity, Removal, cart_view


@blueprint.route("/cart")
class CartView(MethodView):
    @signed_in_or_guest
    @blueprint.response(200, Cart)
    def get(self) -> dict[str, object]:
        """Returns the cart with current prices and availability, and changes since it was last shown."""
        with single_statements() as connection:
            return cart_view(connection, g.principal.user_id)

    @public
    @accepts_guest_cart
    @error_codes("not_signed_in", "invalid_token", "not_allowed", "too_many_requests")
    @blueprint.response(201, OpenedCart, headers={HEADER: {"schema": {"type": "string"}}})
    @blueprint.alt_response(200, schema=OpenedCart, description="The cart of the signed-in customer")
    def post(self) -> tuple[object, dict[str, str]] | tuple[object, int]:
        """Opens a guest cart and returns its token.

        Send the token as `X-Cart-Token` to use the cart. Send it when you sign in or register to move the items into
        the customer's cart. If you are signed in, your own cart is returned, and the guest cart is merged into it.
        """
        if "Authorization" in request.headers:
            return _open_for_customer()
        return _open_for_guest()


@limited("guest_carts")
def _open_for_guest() -> tuple[object, dict[str, str]]:
    with transaction() as session:
        cart_id, token = carts.open_guest_cart(session)
        return {**cart_view(session, cart_id), "token": token}, {HEADER: token}


@signed_in
def _open_for_customer() -> tuple[object, int]:
    with transaction() as session:
        merged = merge_guest_cart(session, g.principal.user_id)
        return {**cart_view(session, g.principal.user_id), **merged}, 200


@blueprint.route("/cart/items")
class CartItemsView(MethodView):
    @signed_in_or_guest
    @error_codes("not_found", "insufficient_stock", "cart_full")
    @blueprint.arguments(NewItem())
    @idempotent(one_statement=True)
    @blueprint.response(201, Cart)
    def post(self, session: Statements, body: NewItemBody) -> dict[str, object]:
        """Adds units of a product to the cart. The quantity is added to the existing one."""
        carts.add(session, g.principal.user_id, **body)
        return cart_view(session, g.principal.user_id)

    @signed_in_or_guest
    @blueprint.response(200, Cart)
    def delete(self) -> dict[str, object]:
        """Empties the cart."""
        with transaction() as session:
            carts.clear(session, g.principal.user_id)
            return cart_view(session, g.principal.user_id)


@blueprint.route('/cart/items/<id("prd"):product_id>')
class CartItemView(MethodView):
    @signed_in_or_guest
    @error_codes("insufficient_stock")
    @blueprint.arguments(Quantity)
    @blueprint.response(200, Cart)
    def patch(self, body: dict[str, int], product_id: str) -> dict[str, object]:
        """Sets the quantity of a product in the cart."""
        with transaction() as session:
            carts.set_quantity(session, g.principal.user_id, product_id, body["quantity"])
            return cart_view(session, g.principal.user_id)

    @signed_in_or_guest
    @blueprint.arguments(Removal, location="query")
    @blueprint.response(200, Cart)
    def delete(self, query: dict[str, int], product_id: str) -> dict[str, object]:
        """Removes units of a product from the cart, by default all of them."""
        with transaction() as session:
            carts.remove(session, g.principal.user_id, product_id, query.get("quantity"))
            return cart_view(session, g.principal.user_id)
