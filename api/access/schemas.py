"""What goes in and out of the views of access."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, Pattern, RoleConverter, Schema, Timestamp
from api.http.pagination import PageQuery
from models import access


def _word(example: str) -> fields.String:
    word = Pattern(r"^[a-z][a-z_-]{0,31}$", error="a lower-case word")
    return fields.String(required=True, validate=word, metadata={"example": example})


class Question(Schema):
    token = fields.String(
        validate=validate.Length(1, 4000), metadata={"description": "An access token; left out: that of the request"}
    )
    action = _word("write")
    resource = _word("products")


class Verdict(Schema):
    allowed = fields.Boolean(required=True)
    reason = fields.String(required=True)


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


class NewKeyBody(TypedDict):
    name: str
    permissions: list[str]
    expires_in_days: int


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


class RoleChanges(Schema):
    permissions = fields.List(
        fields.String(validate=validate.OneOf(access.PERMISSIONS)),
        required=True,
        metadata={"description": "All that the role is to hold", "example": ["orders:read"]},
    )


class NewRole(RoleChanges):
    name = fields.String(
        required=True,
        validate=Pattern(RoleConverter.regex, error="2 to 64 lower-case letters, digits, hyphens or underscores"),
        metadata={"example": "auditor"},
    )


class NewRoleBody(TypedDict):
    name: str
    permissions: list[str]


class Role(Schema):
    name = fields.String()
    permissions = fields.List(fields.String())
    builtin = fields.Boolean(metadata={"description": "Every shop has it; it can't be deleted"})


class Permissions(Schema):
    data = fields.List(fields.String(), metadata={"description": "Everything that a role can hold"})


class UserQuery(PageQuery):
    q = fields.String(
        validate=validate.Length(2, 254),
        metadata={"description": "How the user name, the e-mail address or the last name begins", "example": "ada"},
    )
    role = fields.String(validate=validate.Length(1, 64), metadata={"example": "staff"})


class Roles(Schema):
    roles = fields.List(fields.String(), required=True, metadata={"example": ["customer", "staff"]})


class RoleOfUser(Schema):
    role = fields.String(required=True, validate=validate.Length(1, 64), metadata={"example": "staff"})
