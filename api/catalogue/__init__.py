"""The catalogue: products, product groups, categories and authors."""

from api.catalogue import authors, categories, groups, imports, products
from api.catalogue.blueprint import blueprint

__all__ = ["authors", "blueprint", "categories", "groups", "imports", "products"]
