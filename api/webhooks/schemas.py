"""Request and response schemas of the webhook views."""

from datetime import datetime
from typing import TypedDict

from marshmallow import ValidationError, fields, validate, validates_schema

from api.http.fields import IdField, List, Schema, Timestamp
from api.http.pagination import PageQuery
from models.core.events import PUBLIC_TYPES

TYPES = list(PUBLIC_TYPES)
WHICH = "Types of events to deliver; empty: all but those for operators, `incident.…`"


class EndpointChanges(Schema):
    url = fields.String(
        validate=validate.Length(1, 2000),
        metadata={
            "description": "An https:// URL outside of private networks",
            "example": "https://warehouse.example/events",
        },
    )
    types = List(
        fields.String(validate=validate.OneOf(TYPES)),
        validate=validate.Length(max=len(TYPES)),
        metadata={"description": WHICH, "example": ["order.confirmed"]},
    )
    description = fields.String(validate=validate.Length(max=200), metadata={"example": "The warehouse"})
    status = fields.String(validate=validate.OneOf(("enabled", "disabled")))


class NewEndpoint(Schema):
    url = fields.String(
        required=True,
        validate=validate.Length(1, 2000),
        metadata={
            "description": "An https:// URL outside of private networks",
            "example": "https://warehouse.example/events",
        },
    )
    types = List(
        fields.String(validate=validate.OneOf(TYPES)),
        load_default=list,
        validate=validate.Length(max=len(TYPES)),
        metadata={"description": WHICH, "example": ["order.confirmed"]},
    )
    description = fields.String(
        load_default="", validate=validate.Length(max=200), metadata={"example": "The warehouse"}
    )


class NewEndpointBody(TypedDict):
    url: str
    types: list[str]
    description: str


class EndpointChangesBody(TypedDict, total=False):
    url: str
    types: list[str]
    description: str
    status: str


class WebhookEndpoint(Schema):
    id = IdField("whe")
    url = fields.String()
    types = fields.List(fields.String())
    description = fields.String()
    status = fields.String(metadata={"description": "`enabled` or `disabled`"})
    failing_since = Timestamp(
        allow_none=True, metadata={"description": "The first failure since the last success; null: none"}
    )
    disabled_at = Timestamp(allow_none=True)
    disabled_because = fields.String(allow_none=True)
    cursor = fields.Integer(metadata={"description": "The position in the feed up to which events are under way"})
    previous_until = Timestamp(
        allow_none=True, metadata={"description": "Until when the previous secret signs, too", "example": None}
    )
    created_at = Timestamp()
    updated_at = Timestamp()


class WebhookEndpointWithSecret(WebhookEndpoint):
    secret = fields.String(
        metadata={"description": "Verifies signatures. It cannot be retrieved later", "example": "whsec_c2VjcmV0"}
    )


class DeliveryQuery(PageQuery):
    status = fields.String(validate=validate.OneOf(("pending", "succeeded", "failed")))
    type = fields.String(validate=validate.OneOf(TYPES), metadata={"description": "Type of the event"})


class WebhookRequest(Schema):
    url = fields.String(allow_none=True)
    body = fields.Dict(allow_none=True, metadata={"description": "The event; null if it was deleted since"})


class WebhookResponse(Schema):
    status = fields.Integer()
    body = fields.String(allow_none=True, metadata={"description": "The first 2,000 bytes"})


class WebhookDelivery(Schema):
    id = IdField("whd")
    endpoint_id = IdField("whe")
    event_id = IdField("evt")
    type = fields.String()
    position = fields.Integer()
    status = fields.String(metadata={"description": "`pending`, `succeeded` or `failed`"})
    attempts = fields.Integer()
    next_attempt_at = Timestamp(attribute="due_at", allow_none=True)
    attempted_at = Timestamp(allow_none=True, metadata={"description": "The last attempt"})
    request = fields.Nested(WebhookRequest)
    response = fields.Nested(
        WebhookResponse, allow_none=True, metadata={"description": "That of the last attempt; null: none came"}
    )
    error = fields.String(allow_none=True)
    duration = fields.Integer(allow_none=True, metadata={"description": "Milliseconds"})
    created_at = Timestamp()


class DeliveryPeriod(Schema):
    start = Timestamp(required=True, data_key="from")
    end = Timestamp(required=True, data_key="to")

    @validates_schema
    def _start_before_end(self, data: dict[str, datetime], **_: object) -> None:
        if data["start"] >= data["end"]:
            raise ValidationError("must be before `to`", "from")


class DeliveryPeriodBody(TypedDict):
    start: datetime
    end: datetime


class Redelivered(Schema):
    deliveries = fields.Integer(metadata={"description": "Events that are delivered again"})
