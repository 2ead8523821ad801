"""Tokens that other services have to judge, and addresses."""

from marshmallow import fields, validate

from serving.authentication import read_token
from serving.fields import Line, Schema


class NewAddress(Schema):
    line1 = Line(1, 200, required=True, metadata={"example": "12 St James's Square"})
    line2 = Line(0, 200)
    city = Line(1, 100, required=True, metadata={"example": "London"})
    postal_code = Line(0, 20)
    country = Line(2, 60, required=True, metadata={"example": "GB"})


class Token(Schema):
    token = fields.String(required=True, validate=validate.Length(1, 4000))


def introspect(token: str) -> dict[str, object]:
    """Whether an access token is active, and its claims (RFC 7662)."""
    found = read_token(token)
    if found is None:
        return {"active": False}
    principal, claims = found
    scope = " ".join(sorted(principal.permissions))
    return {**claims, "active": True, "token_type": "Bearer", "scope": scope, "roles": sorted(principal.roles)}
