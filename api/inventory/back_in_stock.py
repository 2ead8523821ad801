"""Views of waiting for a product that is sold out."""

from flask import g
from flask.views import MethodView

from api.http.auth import signed_in
from api.http.errors import error_codes
from api.inventory.blueprint import blueprint
from models import inventory
from models.core.database import transaction


@blueprint.route('/products/<id("prd"):product_id>/back-in-stock')
class BackInStockView(MethodView):
    @signed_in
    @error_codes("in_stock")
    @blueprint.response(204)
    def post(self, product_id: str) -> None:
        """Notifies you, once, when this product is available again. A second call changes nothing."""
        with transaction() as session:
            inventory.wait_for_stock(session, g.principal.user_id, product_id)

    @signed_in
    @blueprint.response(204)
    def delete(self, product_id: str) -> None:
        """Does not notify you of this product. A second call changes nothing."""
        with transaction() as session:
            inventory.stop_waiting(session, g.principal.user_id, product_id)
