"""Reconciliations of the providers' payments as JSON, CSV and HTML."""

from api.reconciliations import views
from api.reconciliations.blueprint import blueprint

__all__ = ["blueprint", "views"]
