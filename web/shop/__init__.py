"""The shop: its views. Each file declares those of one subject."""

from web.shop import basket, home, language, products

__all__ = ["basket", "home", "language", "products"]
