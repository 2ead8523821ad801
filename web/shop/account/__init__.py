"""The customer's account. Each file declares the views of one subject."""

from web.shop.account import (
    addresses,
    data,
    email,
    identities,
    notifications,
    passkeys,
    password,
    phone,
    profile,
    push,
    second_factor,
    sessions,
)

__all__ = [
    "addresses", "data", "email", "identities", "notifications", "passkeys", "password", "phone", "profile", "push",
    "second_factor", "sessions",
]  # fmt: skip
