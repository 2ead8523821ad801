"""What goes in and out of the views of health."""

from marshmallow import fields

from api.http.fields import Schema


class Life(Schema):
    status = fields.String(metadata={"example": "ok"})


class Readiness(Life):
    checks = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "Part → `ok`, or what is wrong; and each service that does not answer",
            "example": {"database": "ok", "workers": "ok", "notifications": "does not answer: timed out"},
        },
    )
