"""The shop: its views. Each file declares those of one subject."""

from web.shop import (
    account,
    basket,
    checkout,
    home,
    language,
    order_changes,
    order_documents,
    orders,
    products,
    register,
    robots,
    sign_in,
)

__all__ = [
    "account", "basket", "checkout", "home", "language", "order_changes", "order_documents", "orders", "products",
    "register", "robots", "sign_in",
]  # fmt: skip
