"""API keys: how machines sign in."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import g
from flask.views import MethodView
from marshmallow import fields, validate

from api.access.blueprint import blueprint
from api.http.auth import allowed
from api.http.fields import IdField, Schema, Timestamp
from api.http.pagination import PageQuery, page, page_of
from models import access
from models.core.database import transaction


class NewKey(Schema):
    name = fields.String(
        required=True, validate=validate.Length(1, 100), metadata={"example": "till in the main street"}
    )
    permissions = fields.List(
        fields.String(validate=validate.OneOf(access.GRANTABLE)),
        required=True,
        metadata={"description": "What the key may do; only what its maker may", "example": ["stock:read"]},
    )
    expires_in_days = fields.Integer(
        load_default=365, strict=True, validate=validate.Range(1, 3650), metadata={"description": "Days that it works"}
    )


class Key(Schema):
    id = IdField("key", required=True)
    name = fields.String(required=True)
    hint = fields.String(required=True, metadata={"description": "How the key begins"})
    user_id = fields.String(required=True, metadata={"description": "Who has made it, and for whom it acts"})
    permissions = fields.List(fields.String(), required=True)
    status = fields.String(required=True, validate=validate.OneOf(("active", "expired", "revoked")))
    created_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)
    revoked_at = Timestamp(allow_none=True)
    last_used_at = Timestamp(allow_none=True, metadata={"description": "To within a minute"})


class MadeKey(Key):
    key = fields.String(
        required=True, metadata={"description": "To be sent as `X-Api-Key`. Nobody can read it a second time"}
    )


@blueprint.route("/api-keys")
class KeysView(MethodView):
    @allowed("keys:write")
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Key))
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """All keys, newest first, those that work no more too."""
        with transaction() as session:
            found = page(session, access.list_keys(), access.ApiKey.id.desc(), **query)
        found["data"] = [_key(row) for row in found["data"]]
        return found

    # Takes no Idempotency-Key: the answer would be kept, and with it the key in clear.
    @allowed("keys:write")
    @blueprint.arguments(NewKey)
    @blueprint.response(201, MadeKey)
    def post(self, body: dict[str, Any]) -> dict[str, Any]:
        """Makes a key and shows it, this once."""
        lifetime = timedelta(days=body.pop("expires_in_days"))
        with transaction() as session:
            held = g.principal.permissions
            made, clear = access.create_key(session, g.principal.user_id, held, **body, lifetime=lifetime)
            session.refresh(made)
        return {**_key(made), "key": clear}


@blueprint.route('/api-keys/<id("key"):key_id>')
class KeyView(MethodView):
    @allowed("keys:write")
    @blueprint.response(200, Key)
    def get(self, key_id: str) -> dict[str, Any]:
        """One key."""
        with transaction() as session:
            return _key(access.get_key(session, key_id))

    @allowed("keys:write")
    @blueprint.response(204)
    def delete(self, key_id: str) -> None:
        """Revokes a key: it stops working at once, and stays in the list."""
        with transaction() as session:
            access.revoke_key(session, key_id)


def _key(row: access.ApiKey) -> dict[str, Any]:
    shown = ("id", "name", "hint", "user_id", "permissions", "created_at", "expires_at", "revoked_at", "last_used_at")
    expired = "expired" if row.expires_at <= datetime.now(UTC) else "active"
    return {**{name: getattr(row, name) for name in shown}, "status": "revoked" if row.revoked_at else expired}
