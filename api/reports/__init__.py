"""Inventory reports as JSON, CSV and HTML."""

from api.reports import views
from api.reports.blueprint import blueprint

__all__ = ["blueprint", "views"]
