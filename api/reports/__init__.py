"""Reports as JSON, CSV, XLSX and HTML, and subscriptions to them."""

from api.reports import subscriptions, views
from api.reports.blueprint import blueprint

__all__ = ["blueprint", "subscriptions", "views"]
