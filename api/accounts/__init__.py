"""Accounts: authentication, profile, addresses and sessions."""

from api.accounts import authentication, profile
from api.accounts.blueprint import blueprint

__all__ = ["authentication", "blueprint", "profile"]
