"""The blueprint of the fulfilment views."""

from flask_smorest import Blueprint

blueprint = Blueprint("fulfilment", __name__, url_prefix="/v1", description="Parcels, tracking and picking lists")
