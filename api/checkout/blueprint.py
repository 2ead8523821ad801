"""The blueprint that the views of checkout register on."""

from flask_smorest import Blueprint

from api.checkout import load_shedding

blueprint = Blueprint("checkout", __name__, url_prefix="/v1", description="From the cart to an order")
blueprint.before_request(load_shedding.shed)
