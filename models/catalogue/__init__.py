"""Catalogue: products of three kinds, groups of products, authors, and a tree of categories."""

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
from models.catalogue.bulk_groups import find_or_create_groups, find_places, put_into_places
from models.catalogue.categories import (
    create_category,
    delete_category,
    find_or_create_category,
    get_category,
    resolve_category,
    select_categories,
    update_category,
)
from models.catalogue.group_input import MAX_HANDLE, MAX_OPTIONS, Grouping, validate_grouping
from models.catalogue.groups import (
    create_group,
    delete_group,
    get_group,
    put_into_group,
    remove_from_group,
    select_groups,
    update_group,
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
from models.catalogue.tables import KINDS, Author, Category, Product, ProductGroup

__all__ = [
    "ATTRIBUTES",
    "KINDS",
    "MAX_HANDLE",
    "MAX_OPTIONS",
    "MAX_PRICE",
    "Author",
    "Category",
    "Grouping",
    "Identified",
    "Product",
    "ProductGroup",
    "ProductInput",
    "Upserted",
    "create_author",
    "create_book",
    "create_category",
    "create_group",
    "create_product",
    "delete_author",
    "delete_category",
    "delete_group",
    "delete_product",
    "find_or_create_author",
    "find_or_create_category",
    "find_or_create_groups",
    "find_places",
    "get_author",
    "get_category",
    "get_group",
    "get_product",
    "identify",
    "in_category",
    "prices_of",
    "products_by_id",
    "put_into_group",
    "put_into_places",
    "remove_from_group",
    "resolve_author",
    "resolve_category",
    "select_authors",
    "select_categories",
    "select_groups",
    "update_author",
    "update_category",
    "update_group",
    "update_product",
    "upsert_products",
    "validate",
    "validate_grouping",
]
