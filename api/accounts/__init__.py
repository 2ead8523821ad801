"""Accounts: authentication, second factor, profile, phone number, devices, addresses and sessions."""

from api.accounts import authentication, devices, phone, profile, second_factor
from api.accounts.blueprint import blueprint

__all__ = ["authentication", "blueprint", "devices", "phone", "profile", "second_factor"]
