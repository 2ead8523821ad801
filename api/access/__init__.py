"""Access: who may do what. Roles, who has them, and keys for machines."""

from api.access import check, keys, roles, users
from api.access.blueprint import blueprint

__all__ = ["blueprint", "check", "keys", "roles", "users"]
