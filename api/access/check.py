"""Permission checks for other services."""

from flask.views import MethodView

from api.access.blueprint import blueprint
from api.access.schemas import PermissionDecision, PermissionQuery
from api.http.auth import SECOND_FACTOR_MISSING, authenticate, public, read_token
from api.http.errors import error_codes


@blueprint.route("/authz/check")
class CheckView(MethodView):
    @public
    @error_codes("not_signed_in", "invalid_token", "invalid_api_key")
    @blueprint.arguments(PermissionQuery)
    @blueprint.response(200, PermissionDecision)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Checks whether a token grants the permission `resource:action`."""
        found = read_token(body["token"]) if "token" in body else (authenticate(), {})
        if found is None:
            return {"allowed": False, "reason": "The token is invalid, expired or revoked."}
        permission = f"{body['resource']}:{body['action']}"
        may = permission in found[0].permissions
        if found[0].key_id:
            return {"allowed": may, "reason": f"The API key {'holds' if may else 'does not hold'} {permission}."}
        if permission in found[0].withheld:
            return {"allowed": False, "reason": SECOND_FACTOR_MISSING}
        return {"allowed": may, "reason": f"{'A' if may else 'No'} role of the user holds {permission}."}
