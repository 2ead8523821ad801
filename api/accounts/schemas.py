"""Request and response schemas of the account views."""

from typing import Any, NotRequired, TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.accounts.second_factor_schemas import FreshSignIn
from api.carts.schemas import Merge
from api.http.fields import EITHER, SOMETIMES, IdField, Line, Pattern, Schema, Timestamp, TrueOrFalse
from models import accounts, notifications
from models.core import folding
from serving.accounts import NewAddress


def _username() -> fields.String:
    allowed = Pattern(r"^[A-Za-z0-9._-]{3,64}$", error="3 to 64 letters, digits, dots, hyphens or underscores")
    return fields.String(required=True, validate=allowed, metadata={"example": "ada"})


def _email() -> fields.Email:
    return fields.Email(
        required=True, validate=[validate.Length(max=254), _folds], metadata={"example": "ada@example.org"}
    )


def _folds(email: str) -> None:
    """Raises ValidationError for an address of letters that folding multiplies: its key would not fit into an index."""
    if len(folding.fold(email)) > 254:
        raise ValidationError("is too long")


def _password() -> fields.String:
    return fields.String(
        required=True,
        validate=validate.Length(8, 256),
        metadata={"example": "correct horse battery", "format": "password"},
    )


def _language(**options: Any) -> fields.String:
    described = {"description": "Of the mails to this user", "example": "en"}
    return fields.String(validate=validate.OneOf(notifications.LANGUAGES), metadata=described, **options)


def _name() -> Line:
    return Line(1, 100, required=True, metadata={"example": "Lovelace"})


class AddressInput(NewAddress):
    default = TrueOrFalse(
        attribute="is_default",
        metadata={"description": "Whether this is the default address. The first address is the default"},
    )


class AddressChanges(AddressInput):
    """Any subset of the fields."""


class SavedAddress(AddressInput):
    id = IdField("adr", required=True)
    line2 = Line(0, 200, allow_none=True)
    postal_code = Line(0, 20, allow_none=True)
    default = TrueOrFalse(required=True, attribute="is_default")
    created_at = Timestamp(required=True)


class Registration(Schema):
    username = _username()
    email = _email()
    password = _password()
    first_name = _name()
    last_name = _name()
    address = fields.Nested(NewAddress, required=True)
    language = _language()


class RegistrationBody(TypedDict):
    username: str
    email: str
    password: str
    first_name: str
    last_name: str
    address: dict[str, str]
    language: NotRequired[str]


@validates_schema
def _one_name(self: Schema, data: dict[str, object], **_: object) -> None:
    if ("username" in data) == ("email" in data):
        raise ValidationError("give either username or email", "username")


class Login(Schema):
    """A username or an e-mail address, in either field, and the password."""

    username = fields.String(validate=validate.Length(1, 254), metadata={**EITHER, "example": "ada"})
    email = fields.String(validate=validate.Length(1, 254), metadata=EITHER)
    password = fields.String(required=True, validate=validate.Length(1, 256), metadata={"format": "password"})

    _one_name = _one_name


class RefreshToken(Schema):
    refresh_token = fields.String(required=True, validate=validate.Length(1, 200))


class NewPassword(Schema):
    current_password = fields.String(required=True, validate=validate.Length(1, 256), metadata={"format": "password"})
    new_password = _password()


class Reauthentication(Schema):
    password = fields.String(required=True, validate=validate.Length(1, 256), metadata={"format": "password"})


class PasswordResetRequest(Schema):
    """A username or an e-mail address, in either field."""

    username = fields.String(validate=validate.Length(1, 254), metadata={**EITHER, "example": "ada"})
    email = fields.String(validate=validate.Length(1, 254), metadata=EITHER)

    _one_name = _one_name


class ResetPassword(Schema):
    token = fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "The token from the e-mail"}
    )
    new_password = _password()


class Message(Schema):
    detail = fields.String(required=True)


class Tokens(Schema):
    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True, metadata={"description": "Can be exchanged once"})
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(required=True, metadata={"description": "Lifetime of the access token in seconds"})


class User(Schema):
    id = IdField("usr", required=True)
    username = fields.String(required=True)
    email = fields.String(required=True)
    first_name = fields.String(required=True)
    last_name = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(accounts.ACCOUNT_STATUS.statuses))
    language = _language(required=True, allow_none=True)
    created_at = Timestamp(required=True)


class Profile(User):
    email_confirmed = fields.Boolean(
        required=True, metadata={"description": "Until it is, other mails than the one that asks for it are held"}
    )
    pending_email = fields.String(
        required=True, allow_none=True, metadata={"description": "The new address, until it is confirmed"}
    )
    roles = fields.List(fields.String(), required=True)
    permissions = fields.List(fields.String(), required=True)


class ProfileChanges(FreshSignIn):
    username = _username()
    email = _email()
    first_name = _name()
    last_name = _name()
    language = _language(allow_none=True)


class MailedToken(Schema):
    token = fields.String(
        required=True, validate=validate.Length(1, 200), metadata={"description": "The token from the e-mail"}
    )


class SignedIn(Tokens):
    cart = fields.Nested(
        Merge, metadata={**SOMETIMES, "description": "The result of merging the guest cart that `X-Cart-Token` named"}
    )


class Registered(SignedIn):
    user = fields.Nested(User, required=True)


class Introspection(Schema):
    """RFC 7662, section 2.2. Fields other than `active` are present for active tokens only."""

    active = fields.Boolean(required=True)
    sub = fields.String(metadata=SOMETIMES)
    sid = fields.String(metadata=SOMETIMES)
    iat = fields.Integer(metadata=SOMETIMES)
    exp = fields.Integer(metadata=SOMETIMES)
    jti = fields.String(metadata=SOMETIMES)
    token_type = fields.String(metadata=SOMETIMES)
    scope = fields.String(metadata={**SOMETIMES, "description": "Permissions, separated by spaces"})
    roles = fields.List(fields.String(), metadata=SOMETIMES)


class Session(Schema):
    id = IdField("ses", required=True)
    current = fields.Boolean(required=True, metadata={"description": "Whether this is the session of the request"})
    user_agent = fields.String(allow_none=True)
    ip = fields.String(allow_none=True)
    method = fields.String(required=True, validate=validate.OneOf(accounts.METHODS))
    device = fields.String(allow_none=True, metadata={"example": "Firefox on Linux"})
    place = fields.String(allow_none=True, metadata={"example": "London, GB", "description": "By the IP address"})
    network = fields.String(allow_none=True, metadata={"example": "198.51.100.0/24"})
    created_at = Timestamp(required=True)
    last_used_at = Timestamp(required=True)
    expires_at = Timestamp(required=True)


Channels = Schema.from_dict({name: TrueOrFalse() for name in notifications.CHANNELS}, name="Channels")
Preferences = Schema.from_dict({kind: fields.Nested(Channels) for kind in accounts.CUSTOMER_KINDS}, name="Preferences")
"""Kind of notification → channel → whether it is sent."""
