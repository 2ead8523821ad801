"""Request and response schemas of the task views."""

from marshmallow import fields, validate

from api.http.fields import SOMETIMES, IdField, Schema, Timestamp

STATUSES = ("running", "waiting", "compensating", "succeeded", "cancelled", "failed")


class TaskStep(Schema):
    name = fields.String()
    queue = fields.String()
    status = fields.String(validate=validate.OneOf(("intent", "done", "refused")))
    attempts = fields.Integer()
    started_at = Timestamp()
    finished_at = Timestamp(allow_none=True)
    error = fields.Raw(
        metadata={
            "type": ["object", "null"],
            "description": "Why it failed. With `runs:read`, an `internal_error` has `trace` and `where`",
        },
    )


class TaskProgress(Schema):
    done = fields.Integer()
    total = fields.Integer()


class NextAction(Schema):
    """What the customer must do: go to `url`, or confirm with Stripe's library and `client_secret`; or just wait."""

    type = fields.String(validate=validate.OneOf(("redirect", "use_stripe_sdk", "wait")))
    url = fields.String(metadata=SOMETIMES)
    client_secret = fields.String(metadata=SOMETIMES)
    expires_at = fields.String(metadata={"format": "date-time", "description": "When the order is cancelled"})


class Task(Schema):
    id = IdField("run")
    workflow = fields.String()
    status = fields.String(validate=validate.OneOf(STATUSES))
    progress = fields.Nested(TaskProgress)
    steps = fields.List(fields.Nested(TaskStep))
    result = fields.Dict(allow_none=True)
    error = fields.Dict(allow_none=True)
    links = fields.Dict(keys=fields.String(), values=fields.String())
    next_action = fields.Nested(
        NextAction, metadata={**SOMETIMES, "description": "While a `waiting` task waits for its customer"}
    )
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True)


class Accepted(Schema):
    """The response to a request that has started a task."""

    task_id = IdField("run", required=True)
    status = fields.String(required=True, validate=validate.OneOf(STATUSES))
    links = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    next_action = fields.Nested(
        NextAction, metadata={**SOMETIMES, "description": "With `Prefer: wait`, if the task waits for its customer"}
    )
