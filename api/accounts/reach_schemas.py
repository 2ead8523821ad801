"""Schemas of phone numbers and devices."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, Pattern, Schema, Timestamp


class NewPhone(Schema):
    number = fields.String(
        required=True,
        validate=validate.Length(5, 40),
        metadata={"example": "+49 1512 3456789", "description": "With its country; stored in E.164"},
    )


class PhoneCode(Schema):
    code = fields.String(
        required=True, validate=Pattern("^[0-9]{6}$", error="must be six digits"), metadata={"example": "123456"}
    )


class Phone(Schema):
    number = fields.String(required=True, metadata={"description": "In E.164"})
    verified_at = Timestamp(required=True, allow_none=True, metadata={"description": "null: not verified yet"})
    code_expires_at = Timestamp(required=True, metadata={"description": "When the latest code expires"})
    created_at = Timestamp(required=True)


class SubscriptionKeys(Schema):
    """The keys of RFC 8291, in base64url."""

    p256dh = fields.String(
        required=True, validate=Pattern(r"^[A-Za-z0-9_-]{87}=?$", error="must be 65 bytes in base64url")
    )
    auth = fields.String(
        required=True, validate=Pattern(r"^[A-Za-z0-9_-]{22}(==)?$", error="must be 16 bytes in base64url")
    )


class Subscription(Schema):
    """A `PushSubscription` as JSON."""

    endpoint = fields.String(
        required=True,
        validate=[validate.Length(10, 1000), Pattern(r"^https?://[!-~]+$", error="must be a URL")],
        metadata={"example": "https://updates.push.example/wpush/v2/gAAAAA"},
    )
    expirationTime = fields.Float(allow_none=True, metadata={"description": "Ignored"})
    keys = fields.Nested(SubscriptionKeys, required=True)


class NewDevice(Schema):
    type = fields.String(load_default="web_push", validate=validate.OneOf(["web_push"]))
    subscription = fields.Nested(Subscription, required=True)


class SubscriptionBody(TypedDict):
    endpoint: str
    keys: dict[str, str]


class NewDeviceBody(TypedDict):
    type: str
    subscription: SubscriptionBody


class Device(Schema):
    id = IdField("dev", required=True)
    type = fields.String(required=True, validate=validate.OneOf(["web_push"]))
    service = fields.String(required=True, metadata={"description": "The host of its push service"})
    verified = fields.Boolean(required=True, metadata={"description": "Whether a notification was accepted for it"})
    sent_at = Timestamp(required=True, allow_none=True, metadata={"description": "When the latest one was"})
    created_at = Timestamp(required=True)


class PushKey(Schema):
    public_key = fields.String(required=True, metadata={"description": "An uncompressed point of P-256, base64url"})
