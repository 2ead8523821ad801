"""The customer's account. Each file declares the views of one subject."""

from web.shop.account import addresses, data, notifications, password, profile, sessions

__all__ = ["addresses", "data", "notifications", "password", "profile", "sessions"]
