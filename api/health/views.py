"""Health checks: liveness and readiness."""

from api.health.blueprint import blueprint
from api.health.schemas import Liveness, Readiness
from api.http.auth import public
from monitoring import health
from serving import limits


@blueprint.route("/healthz", methods=["GET"])
@public
@blueprint.response(200, Liveness)
def healthz() -> dict[str, str]:
    """Liveness: this process responds."""
    return {"status": "ok"}


@blueprint.route("/readyz", methods=["GET"])
@public
@blueprint.response(200, Readiness)
@blueprint.alt_response(503, schema=Readiness, description="A component is unavailable; see `checks`")
def readyz() -> tuple[object, int]:
    """Readiness: everything that an order needs is available.

    503 if a component is unavailable. `degraded` (200) if an external service does not respond: steps that need it
    wait, all others continue.
    """
    parts = health.ready()
    checks = {name: fault or "ok" for name, fault in parts.items()}
    if any(parts.values()):
        return {"status": "unavailable", "checks": checks}, 503
    silent = {queue: f"does not respond: {heard}" for queue, heard in health.degraded().items()}
    if unlimited := limits.fault():
        silent["limits"] = f"not applied: {unlimited}"
    return {"status": "degraded" if silent else "ok", "checks": checks | silent}, 200
