"""The catalogue: products, categories and authors."""

from api.catalogue import groups, imports, products
from api.catalogue.blueprint import blueprint

__all__ = ["blueprint", "groups", "imports", "products"]
