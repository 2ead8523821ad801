"""What the API says of its state: whether it lives, and whether it can work."""

from api.health.blueprint import blueprint
from api.health.schemas import Life, Readiness
from api.http.auth import public
from monitoring import health


@blueprint.route("/healthz", methods=["GET"])
@public
@blueprint.response(200, Life)
def healthz() -> dict[str, str]:
    """Whether this process answers."""
    return {"status": "ok"}


@blueprint.route("/readyz", methods=["GET"])
@public
@blueprint.response(200, Readiness)
@blueprint.alt_response(503, schema=Readiness, description="Something is missing; `checks` says what")
def readyz() -> tuple[object, int]:
    """Whether everything that an order needs is there: 503, with what is missing, if not.

    `degraded`, with 200: a service outside does not answer. What does not need it goes on; the rest waits for it.
    """
    parts = health.ready()
    checks = {name: fault or "ok" for name, fault in parts.items()}
    if any(parts.values()):
        return {"status": "unavailable", "checks": checks}, 503
    silent = {queue: f"does not answer: {heard}" for queue, heard in health.degraded().items()}
    return {"status": "degraded" if silent else "ok", "checks": checks | silent}, 200
