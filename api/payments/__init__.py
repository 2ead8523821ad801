"""Payments and the payment gateway's webhook."""

from api.payments import views
from api.payments.blueprint import blueprint

__all__ = ["blueprint", "views"]
