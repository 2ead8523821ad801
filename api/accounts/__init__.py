"""Accounts: ways to sign in, profile, personal data, phone number, devices, addresses and sessions."""

from api.accounts import (
    authentication,
    confirmation,
    devices,
    oidc,
    passkeys,
    personal_data,
    phone,
    profile,
    second_factor,
)
from api.accounts.blueprint import blueprint

__all__ = [
    "authentication",
    "blueprint",
    "confirmation",
    "devices",
    "email",
    "oidc",
    "passkeys",
    "personal_data",
    "phone",
    "profile",
    "second_factor",
]
