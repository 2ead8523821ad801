"""Liveness and readiness."""

from api.health import views
from api.health.blueprint import blueprint

__all__ = ["blueprint", "views"]
