"""The catalogue: products, categories and authors."""

from api.catalogue import authors, categories, imports, products
from api.catalogue.blueprint import blueprint

__all__ = ["authors", "blueprint", "categories", "imports", "products"]
