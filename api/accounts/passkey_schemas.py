"""Schemas of passkeys: what WebAuthn Level 3 calls the JSON form of a credential."""

from typing import Any, TypedDict

from marshmallow import EXCLUDE, fields, validate

from api.http.fields import IdField, Line, Pattern, Schema, Timestamp


def _base64url(longest: int) -> fields.String:
    pattern = Pattern("^[A-Za-z0-9_-]+$", error="must be base64url without padding")
    return fields.String(required=True, validate=[validate.Length(1, longest), pattern])


class _FromBrowser(Schema):
    """What a browser makes. Members that are not described are ignored: browsers add some."""

    class Meta:
        unknown = EXCLUDE


class AttestationResponse(_FromBrowser):
    clientDataJSON = _base64url(8000)
    attestationObject = _base64url(40_000)


class AssertionResponse(_FromBrowser):
    clientDataJSON = _base64url(8000)
    authenticatorData = _base64url(8000)
    signature = _base64url(4000)
    userHandle = _base64url(100)


class _Credential(_FromBrowser):
    id = _base64url(1400)
    rawId = _base64url(1400)
    type = fields.String(required=True, validate=validate.Equal("public-key"))


class NewCredential(_Credential):
    """What `navigator.credentials.create` returns, as `toJSON()`."""

    response = fields.Nested(AttestationResponse, required=True)


class UsedCredential(_Credential):
    """What `navigator.credentials.get` returns, as `toJSON()`."""

    response = fields.Nested(AssertionResponse, required=True)


class PasskeyName(Schema):
    name = Line(1, 100, required=True, metadata={"example": "My telephone"})


class NewPasskey(PasskeyName):
    credential = fields.Nested(NewCredential, required=True)


class NewPasskeyBody(TypedDict):
    name: str
    credential: dict[str, Any]


class PasskeySignIn(Schema):
    credential = fields.Nested(UsedCredential, required=True)


class PasskeySignInBody(TypedDict):
    credential: dict[str, Any]


class PasskeyOptions(Schema):
    public_key = fields.Dict(
        required=True,
        metadata={"description": "For `PublicKeyCredential.parseCreationOptionsFromJSON` or `…RequestOptionsFromJSON`"},
    )


class Passkey(PasskeyName):
    id = IdField("pky", required=True)
    synced = fields.Boolean(required=True, metadata={"description": "Whether it is kept on other devices, too"})
    created_at = Timestamp(required=True)
    last_used_at = Timestamp(required=True, allow_none=True)
