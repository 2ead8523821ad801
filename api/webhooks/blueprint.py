"""The blueprint of the webhook views."""

from flask_smorest import Blueprint

blueprint = Blueprint("webhooks", __name__, url_prefix="/v1/webhooks", description="Events delivered to other programs")
