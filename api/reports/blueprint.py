"""The blueprint of the report views."""

from flask import Response
from flask_smorest import Blueprint

from api.http.etags import not_modified


def _not_modified_unless_streamed(response: Response) -> Response:
    """Streamed responses are exempt: computing their length would read them into memory."""
    return response if response.is_streamed else not_modified(response)


blueprint = Blueprint("reports", __name__, url_prefix="/v1", description="Reports on stock and sales")
blueprint.after_request(_not_modified_unless_streamed)
