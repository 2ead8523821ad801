"""What the API says of itself: whether it lives, and whether it can work."""

from flask import Blueprint, Response, jsonify

from api.auth import public
from workflows import health

blueprint = Blueprint("about", __name__)


@blueprint.get("/healthz")
@public
def healthz() -> Response:
    """Whether this process answers."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Whether everything that an order needs is there: 503, with what is missing, if not."""
    parts = health.ready()
    faults = [fault for fault in parts.values() if fault]
    checks = {name: fault or "ok" for name, fault in parts.items()}
    return jsonify(status="unavailable" if faults else "ok", checks=checks), 503 if faults else 200
