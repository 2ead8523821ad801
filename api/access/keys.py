"""API keys: how machines sign in."""

from datetime import UTC, datetime, timedelta

from flask import g
from flask.views import MethodView

from api.access.blueprint import blueprint
from api.access.schemas import Key, MadeKey, NewKey, NewKeyBody
from api.http.auth import allowed
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import access
from models.core.database import transaction


@blueprint.route("/api-keys")
class KeysView(MethodView):
    @allowed("keys:write")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Key))
    def get(self, query: PageArgs) -> Page:
        """All keys, newest first, those that work no more too."""
        with transaction() as session:
            found = page(session, access.list_keys(), access.ApiKey.id.desc(), **query)
        found["data"] = [_key(row) for row in found["data"]]
        return found

    # Takes no Idempotency-Key: the answer would be kept, and with it the key in clear.
    @allowed("keys:write")
    @blueprint.arguments(NewKey)
    @blueprint.response(201, MadeKey)
    def post(self, body: NewKeyBody) -> dict[str, object]:
        """Makes a key and shows it, this once."""
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
        """One key."""
        with transaction() as session:
            return _key(access.get_key(session, key_id))

    @allowed("keys:write")
    @blueprint.response(204)
    def delete(self, key_id: str) -> None:
        """Revokes a key: it stops working at once, and stays in the list."""
        with transaction() as session:
            access.revoke_key(session, key_id)


def _key(row: access.ApiKey) -> dict[str, object]:
    shown = ("id", "name", "hint", "user_id", "permissions", "created_at", "expires_at", "revoked_at", "last_used_at")
    expired = "expired" if row.expires_at <= datetime.now(UTC) else "active"
    return {**{name: getattr(row, name) for name in shown}, "status": "revoked" if row.revoked_at else expired}
