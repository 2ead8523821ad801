"""Payments, and the webhooks of payment providers."""

from api.payments import views
from api.payments.blueprint import blueprint

__all__ = ["blueprint", "views"]
