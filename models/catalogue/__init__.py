"""Products of three kinds, their authors and a tree of categories."""

from models.catalogue.bulk import Upserted, upsert_products
from models.catalogue.groups import (
    author_named,
    authors,
    categories,
    category_named,
    create_author,
    create_category,
    find_or_create_author,
    find_or_create_category,
)
from models.catalogue.product_input import ATTRIBUTES, MAX_PRICE, Draft, check
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
from models.catalogue.tending import (
    delete_author,
    delete_category,
    get_author,
    get_category,
    update_author,
    update_category,
)

__all__ = [
    "ATTRIBUTES",
    "KINDS",
    "MAX_PRICE",
    "Author",
    "Category",
    "Draft",
    "Product",
    "Upserted",
    "author_named",
    "authors",
    "categories",
    "category_named",
    "check",
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
    "prices_of",
    "products_by_id",
    "update_author",
    "update_category",
    "update_product",
    "upsert_products",
]
