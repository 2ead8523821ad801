"""Orders."""

from api.orders import changes, documents, views
from api.orders.blueprint import blueprint

__all__ = ["blueprint", "changes", "documents", "views"]
