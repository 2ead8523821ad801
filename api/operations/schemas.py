"""What goes in and out of the views of operations."""

from typing import TypedDict

from marshmallow import fields, validate

from api.http.fields import IdField, Pattern, Schema, Timestamp
from api.http.pagination import PageQuery
from durable import transitions
from models.core.event_types import EVENT_TYPES

MAX_AGE = 10 * 366 * 24 * 3600  # seconds


class RunQuery(PageQuery):
    workflow = fields.String(validate=validate.Length(1, 64), metadata={"example": "checkout"})
    status = fields.String(validate=validate.OneOf((*transitions.LIVE, "succeeded", "cancelled", "failed")))
    older_than = fields.Integer(
        validate=validate.Range(0, MAX_AGE), metadata={"description": "Seconds since it was started"}
    )


class Run(Schema):
    id = IdField("run")
    workflow = fields.String()
    key = fields.String(metadata={"description": "What it is about; unique among the runs of its workflow"})
    status = fields.String()
    attempts = fields.Integer(metadata={"description": "Failures since its latest step was done"})
    error = fields.Dict(allow_none=True)
    owner = fields.String(allow_none=True)
    request_id = fields.String(allow_none=True, metadata={"description": "Of the request that has started it"})
    lease_until = Timestamp(metadata={"description": "When a dispatcher looks at it again, if nothing is heard"})
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


class SignalBody(TypedDict):
    name: str
    data: dict[str, object]


class Invariant(Schema):
    name = fields.String()
    ok = fields.Boolean()
    figures = fields.Dict(keys=fields.String(), values=fields.Integer())
    examples = fields.List(fields.String(), metadata={"description": "The first few things that break it"})


class Audit(Schema):
    ok = fields.Boolean()
    checked_at = Timestamp()
    data = fields.List(fields.Nested(Invariant))


KINDS = sorted({name.partition(".")[0] for name in EVENT_TYPES})


class EventQuery(PageQuery):
    name = fields.String(validate=validate.OneOf(sorted(EVENT_TYPES)))
    kind = fields.String(
        validate=validate.OneOf([*KINDS, *sorted(EVENT_TYPES)]),
        metadata={"description": "What stands before the dot of a name, or a whole name", "example": "role"},
    )
    subject = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "The id of what it happened to, or a role's name"}
    )
    actor = fields.String(
        validate=validate.Length(1, 64), metadata={"description": "The id of the user or the API key that did it"}
    )


class Event(Schema):
    id = IdField("evt")
    name = fields.String()
    subject = fields.String(allow_none=True, metadata={"description": "The id of what it happened to"})
    actor = fields.String(
        allow_none=True, metadata={"description": "The user or the API key that did it; null for the shop itself"}
    )
    payload = fields.Dict()
    created_at = Timestamp()
