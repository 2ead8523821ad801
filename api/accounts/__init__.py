"""Accounts: authentication, second factor, passkeys, profile, phone number, devices, addresses and sessions."""

from api.accounts import authentication, devices, passkeys, phone, profile, second_factor
from api.accounts.blueprint import blueprint

__all__ = ["authentication", "blueprint", "devices", "passkeys", "phone", "profile", "second_factor"]
