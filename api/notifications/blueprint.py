"""The blueprint of the notification views."""

from flask_smorest import Blueprint

blueprint = Blueprint(
    "notifications", __name__, url_prefix="/v1", description="Mails to customers, staff and suppliers"
)
