"""Schemas of sign-in by OpenID Connect."""

from marshmallow import fields, validate

from api.accounts.second_factor_schemas import FreshSignIn
from api.http.fields import IdField, Schema, Timestamp, WebUrl


class OidcProviderShown(Schema):
    name = fields.String(required=True, metadata={"example": "example"})
    title = fields.String(required=True, metadata={"example": "Example ID"})


class OidcProviders(Schema):
    data = fields.List(fields.Nested(OidcProviderShown), required=True)


class OidcStart(Schema):
    return_url = WebUrl(metadata={"description": "The page to which the provider returns; one that the shop allows"})


class OidcStarted(Schema):
    url = fields.String(required=True, metadata={"description": "Where to send the user"})
    state = fields.String(
        required=True, metadata={"description": "To be compared with the `state` that comes back to the page"}
    )
    expires_in = fields.Integer(required=True, metadata={"description": "Seconds"})


class OidcFinish(Schema):
    code = fields.String(required=True, validate=validate.Length(1, 2000))
    state = fields.String(required=True, validate=validate.Length(1, 2000))


class IdentityLink(FreshSignIn):
    link_token = fields.String(
        required=True, validate=validate.Length(1, 4000), metadata={"description": "Of the error `account_exists`"}
    )


class Identity(Schema):
    id = IdField("idn", required=True)
    provider = fields.String(required=True)
    email = fields.String(required=True, metadata={"description": "As the provider said when it was linked"})
    created_at = Timestamp(required=True)
    last_used_at = Timestamp(required=True, allow_none=True)
