"""Permission checks for other services."""

from flask.views import MethodView

from api.access.blueprint import blueprint
from api.access.schemas import PermissionDecision
from api.http.auth import authenticate, public
from api.http.errors import error_codes
from serving.access import PermissionQuery, decide
from serving.authentication import read_token


@blueprint.route("/authz/check")
class CheckView(MethodView):
    @public
    @error_codes("not_signed_in", "invalid_token", "invalid_api_key")
    @blueprint.arguments(PermissionQuery)
    @blueprint.response(200, PermissionDecision)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Checks whether a token grants the permission `resource:action`."""
        found = read_token(body["token"]) if "token" in body else (authenticate(), {})
        return decide(found and found[0], body["resource"], body["action"])
