"""Accounts: signing in, and what a user keeps: profile, addresses, sessions."""

from api.accounts import profile, signing_in
from api.accounts.blueprint import blueprint

__all__ = ["blueprint", "profile", "signing_in"]
