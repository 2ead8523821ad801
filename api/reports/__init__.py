"""Reports on the inventory, for programs, for spreadsheets and for people."""

from api.reports import views
from api.reports.blueprint import blueprint

__all__ = ["blueprint", "views"]
