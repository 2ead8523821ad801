"""Schemas of the notification views."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, Pattern, Schema, Timestamp
from models import notifications
from models.notifications.template_language import MAX_SOURCE

CUSTOM = {"example": "Your order {{ number }} is confirmed"}


class Notification(Schema):
    id = IdField("ntf", required=True)
    kind = fields.String(required=True)
    channel = fields.String(required=True)
    recipient = fields.String(required=True)
    subject = fields.String(required=True)
    status = fields.String(required=True, validate=validate.OneOf(notifications.STATUSES))
    attempts = fields.Integer(required=True, allow_none=True)
    last_error = fields.String(required=True, allow_none=True)
    created_at = Timestamp(required=True)
    sent_at = Timestamp(required=True, allow_none=True)


class NotificationText(Notification):
    text = fields.String(required=True, metadata={"description": "As it was sent; without tokens and queries of links"})


class TemplateEdit(Schema):
    subject = fields.String(validate=validate.Length(1, 500), metadata=CUSTOM)
    text = fields.String(validate=validate.Length(1, MAX_SOURCE), metadata={"example": "Dear {{ first_name }},"})


class Template(Schema):
    kind = fields.String(required=True)
    channel = fields.String(required=True)
    language = fields.String(required=True)
    audience = fields.String(required=True)
    subject = fields.String(required=True)
    text = fields.String(required=True)
    names = fields.List(fields.String(), required=True, metadata={"description": "What the template can use"})
    updated_at = Timestamp(required=True, allow_none=True, metadata={"description": "null: it is the shop's own"})
    failed_at = Timestamp(required=True, allow_none=True)
    error = fields.String(required=True, allow_none=True, metadata={"description": "Why it failed, then"})


class Templates(Schema):
    data = fields.List(fields.Nested(Template), required=True)


class Preview(Schema):
    subject = fields.String(required=True)
    text = fields.String(required=True)
    html = fields.String(required=True, metadata={"description": "The complete page of a mail; otherwise empty"})


class NotificationTest(Schema):
    kind = fields.String(required=True, validate=validate.OneOf(sorted(notifications.KINDS)))
    channel = fields.String(load_default="email", validate=validate.OneOf(notifications.CHANNELS))
    language = fields.String(load_default="en", validate=validate.OneOf(notifications.LANGUAGES))


class NotificationTestBody(TypedDict):
    kind: str
    channel: str
    language: str


class BounceReport(Schema):
    address = fields.String(
        required=True,
        validate=[
            validate.Length(max=254),
            Pattern(r"^([^@\s]+@[^@\s]+|\+[1-9][0-9]{6,14})$", error="must be a mail address or a number in E.164"),
        ],
        metadata={"example": "ada@example.org"},
    )
    type = fields.String(required=True, validate=validate.OneOf(notifications.BOUNCES))
    reason = fields.String(load_default="", validate=validate.Length(max=1000))
    message_id = fields.String(load_default=None, validate=validate.Length(max=200))


class BounceReportBody(TypedDict):
    address: str
    type: notifications.Bounce
    reason: str
    message_id: str | None


class Suppression(Schema):
    address = fields.String(required=True)
    source = fields.String(required=True, validate=validate.OneOf(("refused", "permanent", "complaint")))
    reason = fields.String(required=True)
    created_at = Timestamp(required=True)


class UnsubscribeQuery(Schema):
    token = fields.String(required=True, validate=validate.Length(1, 500))
