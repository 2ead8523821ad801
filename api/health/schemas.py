"""Response schemas of the health checks."""

from marshmallow import fields

from api.http.fields import Schema


class Liveness(Schema):
    status = fields.String(metadata={"example": "ok"})


class Readiness(Liveness):
    checks = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": "Component → `ok` or the fault; and each external service that does not respond",
            "example": {"database": "ok", "workers": "ok", "notifications": "does not respond: timed out"},
        },
    )
