"""Catalogue: products of three kinds, authors, and a tree of categories."""

from models.catalogue.authors import (
    create_author,
    delete_author,
    find_or_create_author,
    get_author,
    resolve_author,
    select_authors,
    update_author,
)
from models.catalogue.bulk import Upserted, upsert_products
from models.catalogue.categories import (
    create_category,
    delete_category,
    find_or_create_category,
    get_category,
    resolve_category,
    select_categories,
    update_category,
)
from models.catalogue.identifying import Identified, identify, in_category
from models.catalogue.product_input import ATTRIBUTES, MAX_PRICE, ProductInput, validate
from models.catalogue.products import (
    create_book,
    create_product,
    delete_product,
    get_product,
    prices_of,
    products_by_id,
    update_product,
)
from models.catalogue.tables import KINDS, Author, Category, Product

__all__ = [
    "ATTRIBUTES",
    "KINDS",
    "MAX_PRICE",
    "Author",
    "Category",
    "Identified",
    "Product",
    "ProductInput",
    "Upserted",
    "create_author",
    "create_book",
    "create_category",
    "create_product",
    "delete_author",
    "delete_category",
    "delete_product",
    "find_or_create_author",
    "find_or_create_category",
    "get_author",
    "get_category",
    "get_product",
    "identify",
    "in_category",
    "prices_of",
    "products_by_id",
    "resolve_author",
    "resolve_category",
    "select_authors",
    "select_categories",
    "update_author",
    "update_category",
    "update_product",
    "upsert_products",
    "validate",
]
