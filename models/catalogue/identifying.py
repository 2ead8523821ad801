"""Products found by what is written on them: their id, their SKU or their barcode."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from sqlalchemy import ColumnElement, SQLColumnExpression, select
from sqlalchemy.orm import Session

from models.catalogue.tables import Category, Product

BARCODES = Product.attributes["isbn"].astext, Product.attributes["barcode"].astext
"""The barcode of a book is its ISBN; each product may have another one."""


@dataclass(frozen=True)
class Identified:
    """A product, and the name by which it was found."""

    name: str
    product_id: str
    sku: str
    title: str
    price_amount: int


def identify(
    session: Session, *, ids: Collection[str] = (), skus: Collection[str] = (), barcodes: Collection[str] = ()
) -> list[Identified]:
    """The products with these names. An unknown name has no result, and a barcode of several products has several, the
    oldest first.

    SKUs and barcodes are those of products on sale; by its id, a deleted product is found, too.
    """
    scanned = {code.replace("-", "").replace(" ", "").upper(): code for code in barcodes}
    on_sale = Product.deleted_at.is_(None)
    found = _find(session, Product.id, ids) if ids else []
    found += _find(session, Product.sku, skus, on_sale) if skus else []
    scans = [one for barcode in BARCODES for one in _find(session, barcode, scanned, on_sale)] if scanned else []
    named = {(scanned[one.name], one.product_id): one for one in scans}  # its ISBN may be its barcode, too
    return found + [replace(one, name=name) for (name, _), one in named.items()]


def _find(
    session: Session, name: SQLColumnExpression[str], names: Iterable[str], *conditions: ColumnElement[bool]
) -> list[Identified]:  # fmt: skip
    query = select(name, Product.id, Product.sku, Product.title, Product.price_amount)
    rows = session.execute(query.where(name.in_(list(names)), *conditions).order_by(Product.id))
    return [Identified(*row) for row in rows]


def in_category(category_id: str) -> ColumnElement[bool]:
    """Whether a product is in a category or in one below it, as a condition."""
    tree = select(Category.id).where(Category.id == category_id).cte("tree", recursive=True)
    tree = tree.union(select(Category.id).join(tree, Category.parent_id == tree.c.id))
    return Product.category_id.in_(select(tree.c.id))
