"""The blueprint of the checkout view."""

from flask_smorest import Blueprint

from api.checkout import load_shedding

blueprint = Blueprint("checkout", __name__, url_prefix="/v1", description="Turns a cart into an order")
blueprint.before_request(load_shedding.refuse_if_overloaded)
