"""The view of a user's personal data as a file."""

import tempfile
from datetime import UTC, datetime

from flask import Response, g, send_file
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.http.auth import signed_in
from api.http.errors import error_codes
from models import accounts
from models.core.database import transaction
from models.operations import personal_data

IN_MEMORY = 1 << 20  # bytes; larger files are on disk


@blueprint.route("/me/export")
class ExportView(MethodView):
    @signed_in
    @error_codes("too_many_requests", "fresh_sign_in_required")
    @blueprint.response(200, {"type": "object"}, content_type="application/json")
    def get(self) -> Response:
        """Returns everything that the shop holds about you, as a JSON file (GDPR, article 20).

        Requires a sign-in of the last ten minutes.
        """
        return export()


def export() -> Response:
    """That file, for the user of the request. Raises NotAllowed without a fresh sign-in, and TooManyRequests."""
    require_fresh_sign_in(None)
    with transaction() as session:
        accounts.take_attempt(session, accounts.export_limits(g.principal.user_id))
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115, the response closes it
    with transaction() as session:
        for part in personal_data.write(session, g.principal.user_id):
            file.write(part.encode())
    file.seek(0)
    name = f"shopflow-{datetime.now(UTC):%Y-%m-%d}.json"
    return send_file(file, mimetype="application/json", as_attachment=True, download_name=name)
