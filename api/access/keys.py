"""API keys, with which machines authenticate."""

from datetime import timedelta

from flask import g
from flask.views import MethodView

from api.access.blueprint import blueprint
from api.access.schemas import CreatedKey, Key, NewKey, NewKeyBody
from api.http.auth import allowed
from api.http.errors import error_codes
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import access
from models.core.database import transaction


@blueprint.route("/api-keys")
class KeysView(MethodView):
    @allowed("keys:write")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Key))
    def get(self, query: PageArgs) -> Page:
        """Returns all keys, newest first, including expired and revoked ones."""
        with transaction() as session:
            found = page(session, access.list_keys(), access.ApiKey.id.desc(), **query)
        found["data"] = [_key(row) for row in found["data"]]
        return found

    # No Idempotency-Key: the response would be stored, and the key in clear text with it.
    @allowed("keys:write")
    @error_codes("too_many_keys")
    @blueprint.arguments(NewKey)
    @blueprint.response(201, CreatedKey)
    def post(self, body: NewKeyBody) -> dict[str, object]:
        """Creates a key. The response is the only one that contains the key itself."""
        lifetime = timedelta(days=body["expires_in_days"])
        with transaction() as session:
            made, clear = access.create_key(
                session, g.principal.user_id, g.principal.permissions, body["name"], body["permissions"], lifetime
            )
            session.refresh(made)
        return {**_key(made), "key": clear}


@blueprint.route('/api-keys/<id("key"):key_id>')
class KeyView(MethodView):
    @allowed("keys:write")
    @blueprint.response(200, Key)
    def get(self, key_id: str) -> dict[str, object]:
        """Returns a key."""
        with transaction() as session:
            return _key(access.get_key(session, key_id))

    @allowed("keys:write")
    @blueprint.response(204)
    def delete(self, key_id: str) -> None:
        """Revokes a key, effective immediately. It stays in the list."""
        with transaction() as session:
            access.revoke_key(session, key_id)


def _key(row: access.ApiKey) -> dict[str, object]:
    shown = (
        "id", "name", "hint", "user_id", "permissions", "status", "created_at", "expires_at", "revoked_at",
        "last_used_at",
    )  # fmt: skip
    return {name: getattr(row, name) for name in shown}
