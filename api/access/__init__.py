"""Access control: roles, role assignments and API keys."""

from api.access import check, keys, roles, users
from api.access.blueprint import blueprint

__all__ = ["blueprint", "check", "keys", "roles", "users"]
