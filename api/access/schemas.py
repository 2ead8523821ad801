"""Request and response schemas of the access control views."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, List, Pattern, RoleConverter, Schema, Timestamp
from models import access


class PermissionDecision(Schema):
    allowed = fields.Boolean(required=True)
    reason = fields.String(required=True)


class NewKey(Schema):
    name = fields.String(
        required=True, validate=validate.Length(1, 100), metadata={"example": "till in the main street"}
    )
    permissions = List(
        fields.String(validate=validate.OneOf(access.GRANTABLE)),
        required=True,
        validate=validate.Length(max=len(access.GRANTABLE)),
        metadata={"description": "Permissions of the key; a subset of your own", "example": ["stock:read"]},
    )
    expires_in_days = fields.Integer(
        load_default=365, strict=True, validate=validate.Range(1, 3650), metadata={"description": "Lifetime in days"}
    )


class NewKeyBody(TypedDict):
    name: str
    permissions: list[str]
    expires_in_days: int


class Key(Schema):
    id = IdField("key", required=True)
    name = fields.String(required=True)
    hint = fields.String(required=True, metadata={"description": "The first characters of the key"})
    user_id = fields.String(
        required=True, metadata={"description": "The user who created the key and on whose behalf it acts"}
    )
    permissions = fields.List(fields.String(), required=True)
    status = fields.String(required=True, validate=validate.OneOf(("active", "expired", "revoked")))
    created_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)
    revoked_at = Timestamp(allow_none=True)
    last_used_at = Timestamp(allow_none=True, metadata={"description": "Accurate to one minute"})


class CreatedKey(Key):
    key = fields.String(
        required=True, metadata={"description": "The key, to be sent as `X-Api-Key`. It cannot be retrieved later"}
    )


class RoleChanges(Schema):
    permissions = List(
        fields.String(validate=validate.OneOf(access.PERMISSIONS)),
        required=True,
        validate=validate.Length(max=len(access.PERMISSIONS)),
        metadata={"description": "The complete set of permissions of the role", "example": ["orders:read"]},
    )


class NewRole(RoleChanges):
    name = fields.String(
        required=True,
        validate=Pattern(
            f"^{RoleConverter.regex}$", error="2 to 64 lower-case letters, digits, hyphens or underscores"
        ),
        metadata={"example": "auditor"},
    )


class NewRoleBody(TypedDict):
    name: str
    permissions: list[str]


class Role(Schema):
    name = fields.String()
    permissions = fields.List(fields.String())
    builtin = fields.Boolean(metadata={"description": "Whether the role is built in; built-in roles cannot be deleted"})


class Permissions(Schema):
    data = fields.List(fields.String(), metadata={"description": "All permissions that a role can contain"})


class Roles(Schema):
    roles = List(
        fields.String(validate=validate.Length(1, 64)),
        required=True,
        validate=validate.Length(max=100),
        metadata={"example": ["customer", "staff"]},
    )


class RoleOfUser(Schema):
    role = fields.String(required=True, validate=validate.Length(1, 64), metadata={"example": "staff"})
