"""Schemas of the second factor."""

from typing import NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import EITHER, Pattern, Schema, Timestamp

SIX_DIGITS = Pattern("^[0-9]{6}$", error="must be six digits")
CODE = {"example": "123456", "description": "Of the authenticator app"}


def challenge() -> fields.String:
    """A challenge that the shop has made."""
    return fields.String(
        required=True, validate=validate.Length(1, 2000), metadata={"description": "As the shop has answered it"}
    )


class FreshSignIn(Schema):
    """For a session that is not fresh: the last sign-in was more than ten minutes ago."""

    current_password = fields.String(validate=validate.Length(1, 256), metadata={"format": "password"})


class FreshSignInBody(TypedDict):
    current_password: NotRequired[str]


class SecondFactorCode(Schema):
    code = fields.String(required=True, validate=SIX_DIGITS, metadata=CODE)


class SecondFactorAnswer(Schema):
    """Either a code of the authenticator app, or a recovery code."""

    code = fields.String(validate=SIX_DIGITS, metadata={**CODE, **EITHER})
    recovery_code = fields.String(
        validate=Pattern(r"^[A-Za-z2-7]{4}(-?[A-Za-z2-7]{4}){3}$", error="must be a recovery code"),
        metadata={**EITHER, "description": "Such as `k3jd-a2hs-qq5x-ab7c`; case and hyphens are ignored"},
    )

    @validates_schema
    def _one_code(self, data: dict[str, object], **_: object) -> None:
        if ("code" in data) == ("recovery_code" in data):
            raise ValidationError("give either code or recovery_code", "code")


class SecondFactorSignIn(SecondFactorAnswer):
    """The challenge of `second_factor_required`, and a code."""

    challenge = challenge()


class SecondFactorChange(SecondFactorAnswer, FreshSignIn):
    """A code, and the password unless the sign-in is fresh."""


class SecondFactorState(Schema):
    enabled = fields.Boolean(required=True)
    enabled_at = Timestamp(required=True, allow_none=True)
    recovery_codes_left = fields.Integer(required=True)


class SecondFactorSecret(Schema):
    secret = fields.String(required=True, metadata={"description": "In base32, to be typed into the app"})
    otpauth_uri = fields.String(required=True, metadata={"description": "To be shown as a QR code"})


class RecoveryCodes(Schema):
    recovery_codes = fields.List(
        fields.String(), required=True, metadata={"description": "Ten codes; they cannot be shown again"}
    )
