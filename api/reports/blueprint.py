"""The blueprint that the views of reports register on."""

from flask import Response
from flask_smorest import Blueprint

from api.http.etags import not_modified


def _unless_streamed(response: Response) -> Response:
    """Asking a stream for its length would read it into memory."""
    return response if response.is_streamed else not_modified(response)


blueprint = Blueprint("reports", __name__, url_prefix="/v1", description="Reports on the inventory")
blueprint.after_request(_unless_streamed)
