"""Accounts: authentication, second factor, passkeys, profile, personal data, phone number, devices, addresses and
sessions."""

from api.accounts import authentication, devices, passkeys, personal_data, phone, profile, second_factor
from api.accounts.blueprint import blueprint

__all__ = ["authentication", "blueprint", "devices", "passkeys", "personal_data", "phone", "profile", "second_factor"]
