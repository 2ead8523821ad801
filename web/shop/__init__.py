"""The shop: its views. Each file declares those of one subject."""

from web.shop import (
    account,
    basket,
    cancelling,
    checkout,
    home,
    language,
    orders,
    products,
    providers,
    register,
    robots,
    sign_in,
    waiting,
)

__all__ = [
    "account", "basket", "cancelling", "checkout", "home", "language", "orders", "products", "providers", "register",
    "robots", "sign_in", "waiting",
]  # fmt: skip
