"""The blueprint of the payment views."""

from flask_smorest import Blueprint

blueprint = Blueprint("payments", __name__, url_prefix="/v1", description="Payments: authorise, capture, void, refund")
