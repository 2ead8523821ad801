"""Accounts: signing in, and what a user keeps: profile, addresses, sessions."""

from api.accounts import authentication, profile
from api.accounts.blueprint import blueprint

__all__ = ["authentication", "blueprint", "profile"]
