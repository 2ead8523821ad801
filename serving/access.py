"""Permission checks, and lists of users."""

from marshmallow import fields, validate

from models.accounts import Principal
from serving.authentication import SECOND_FACTOR_MISSING
from serving.fields import Pattern, Schema
from serving.pages import PageQuery


def _word(example: str) -> fields.String:
    word = Pattern(r"^[a-z][a-z_-]{0,31}$", error="a lower-case word")
    return fields.String(required=True, validate=word, metadata={"example": example})


class PermissionQuery(Schema):
    token = fields.String(
        validate=validate.Length(1, 4000),
        metadata={"description": "The access token to check; defaults to the one of this request"},
    )
    action = _word("write")
    resource = _word("products")


class UserQuery(PageQuery):
    q = fields.String(
        validate=validate.Length(2, 254),
        metadata={"description": "A prefix of the username, e-mail address or last name", "example": "ada"},
    )
    role = fields.String(validate=validate.Length(1, 64), metadata={"example": "staff"})


def decide(principal: Principal | None, resource: str, action: str) -> dict[str, object]:
    """Whether the principal holds `resource:action`, and why. None: of a token that is not valid."""
    if principal is None:
        return {"allowed": False, "reason": "The token is invalid, expired or revoked."}
    permission = f"{resource}:{action}"
    may = permission in principal.permissions
    if principal.key_id:
        return {"allowed": may, "reason": f"The API key {'holds' if may else 'does not hold'} {permission}."}
    if permission in principal.withheld:
        return {"allowed": False, "reason": SECOND_FACTOR_MISSING}
    return {"allowed": may, "reason": f"{'A' if may else 'No'} role of the user holds {permission}."}
