"""The catalogue: products, product groups, categories and authors."""

from api.catalogue import authors, categories, groups, imports, kinds, products
from api.catalogue.blueprint import blueprint

__all__ = ["authors", "blueprint", "categories", "groups", "imports", "kinds", "products"]
