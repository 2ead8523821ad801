"""Request and response schemas of the operations views."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, Pattern, Schema, Timestamp
from api.http.pagination import PageQuery
from durable import transitions
from models.core.events import EVENT_TYPES, PUBLIC_TYPES

MAX_AGE = 10 * 366 * 24 * 3600  # seconds


class RunQuery(PageQuery):
    workflow = fields.String(validate=validate.Length(1, 64), metadata={"example": "checkout"})
    status = fields.String(validate=validate.OneOf((*transitions.LIVE, "succeeded", "cancelled", "failed")))
    older_than = fields.Integer(validate=validate.Range(0, MAX_AGE), metadata={"description": "Minimum age in seconds"})
    order_id = IdField("ord", metadata={"description": "About this order, its payments, parcels and returns"})
    owner = IdField("usr", data_key="user_id", metadata={"description": "Started by this user"})
    request_id = fields.String(
        validate=Pattern(r"^[A-Za-z0-9._-]{1,128}$", error="is not the id of a request"),
        metadata={"description": "Started by this request, whose answer had it as `X-Request-Id`"},
    )
    stuck = fields.Boolean(metadata={"description": "Whether they require an operator"})


class Run(Schema):
    id = IdField("run")
    workflow = fields.String()
    key = fields.String(metadata={"description": "Business key; unique among the runs of a workflow"})
    status = fields.String()
    attempts = fields.Integer(metadata={"description": "Failed attempts since the last completed step"})
    error = fields.Dict(allow_none=True)
    owner = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True, metadata={"description": "Id of the request that started the run"})
    lease_until = Timestamp(
        metadata={"description": "When the lease expires; a dispatcher then publishes the run again"}
    )
    deadline = Timestamp(allow_none=True)
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True)


class Signal(Schema):
    name = fields.String(
        required=True,
        validate=Pattern(r"^[a-z][a-z0-9_.]{0,63}$", error="a lower-case name of at most 64 characters"),
        metadata={"example": "approved"},
    )
    data = fields.Dict(keys=fields.String(), load_default=dict)


class Replay(Schema):
    step = fields.String(
        required=True,
        validate=validate.Length(1, 200),
        metadata={"example": "reports.part", "description": "A step, or an item of one: `reports.part[3]`"},
    )


class SignalBody(TypedDict):
    name: str
    data: dict[str, object]


class Invariant(Schema):
    name = fields.String()
    ok = fields.Boolean()
    figures = fields.Dict(keys=fields.String(), values=fields.Integer())
    examples = fields.List(
        fields.String(), metadata={"description": "The first few objects that violate the invariant"}
    )
    count = fields.Integer(metadata={"description": "How many objects violate it"})


class Audit(Schema):
    ok = fields.Boolean(metadata={"description": "Whether all invariants were checked, and hold"})
    checked_at = Timestamp()
    data = fields.List(fields.Nested(Invariant))
    audit_log = fields.String(
        allow_none=True, metadata={"description": "Last entry of the audit log, `number:code`; keep it elsewhere"}
    )
    not_checked = fields.List(
        fields.String(), metadata={"description": "Invariants that compare with a gateway that does not respond"}
    )
    gateway_error = fields.String(allow_none=True, metadata={"description": "Why they were not checked"})


KINDS = sorted({name.partition(".")[0] for name in EVENT_TYPES})


MAX_POSITION = 2**63 - 1


class FeedQuery(Schema):
    """What both the feed and its stream can be restricted to."""

    after = fields.Integer(
        validate=validate.Range(0, MAX_POSITION),
        metadata={"description": "Only the feed's events with a higher position, oldest first", "example": 0},
    )
    type = fields.String(
        validate=validate.OneOf(list(PUBLIC_TYPES)), metadata={"description": "Type of a public event"}
    )
    subject = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "Id of the affected object, or the name of a role"}
    )


class EventQuery(PageQuery, FeedQuery):
    name = fields.String(validate=validate.OneOf(sorted(EVENT_TYPES)))
    kind = fields.String(
        validate=validate.OneOf([*KINDS, *sorted(EVENT_TYPES)]),
        metadata={"description": "The part of the name before the dot, or a complete name", "example": "role"},
    )
    actor = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "Id of the user or API key that caused the event"}
    )


class Event(Schema):
    id = IdField("evt")
    name = fields.String()
    subject = fields.String(allow_none=True, metadata={"description": "Id of the affected object"})
    actor = fields.String(
        allow_none=True,
        metadata={"description": "Id of the user or API key that caused the event; null for the shop itself"},
    )
    payload = fields.Dict()
    created_at = Timestamp()
    type = fields.String(
        attribute="name", dump_only=True, metadata={"description": "The name, as other programs receive it"}
    )
    version = fields.Integer(
        allow_none=True, metadata={"description": "Version of the payload; null unless the event is public"}
    )
    position = fields.Integer(
        allow_none=True,
        metadata={"description": "Position in the feed; null if the event is not public, or has no position yet"},
    )
    timestamp = Timestamp(attribute="created_at", dump_only=True)
    data = fields.Dict(
        attribute="payload", dump_only=True, metadata={"description": "The payload, as other programs receive it"}
    )
