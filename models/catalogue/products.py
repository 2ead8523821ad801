"""Products: creating, updating, deleting and reading them."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.authors import find_or_create_author, resolve_author
from models.catalogue.categories import resolve_category
from models.catalogue.kind_input import Kinds
from models.catalogue.kinds import read_kinds
from models.catalogue.product_input import validate
from models.catalogue.tables import Product
from models.core import event_log
from models.core.errors import Conflict, Invalid, NotFound
from models.core.events import ProductChanged


def create_product(session: Session, fields: Mapping[str, object]) -> Product:
    """Creates a product from the fields of `ProductInput`. Raises Invalid and Conflict (`sku_taken`)."""
    draft = validate(fields, _kinds_of(session, fields.get("kind")))
    author = resolve_author(session, draft.author, draft.author_email) if draft.author else None
    category = resolve_category(session, draft.category)
    values = draft.model_dump(exclude={"category", "author", "author_email"})
    return _save(session, Product(id=new_id("prd"), category=category, author=author, **values), "created")


def create_book(session: Session, fields: Mapping[str, object], author: Mapping[str, Any]) -> Product:
    """Creates a book, and its author {name, email, address} and category if missing. Without a SKU, it gets a new one.

    Raises Invalid and Conflict (`sku_taken`); the caller's transaction then rolls back.
    """
    fields = {"sku": f"BOOK-{secrets.token_hex(5).upper()}", **fields}
    validate({**fields, "kind": "book", "author": author["name"]}, _kinds_of(session, "book"))
    writer = find_or_create_author(session, author["name"], author.get("email"), author.get("address"))
    return create_product(session, {**fields, "kind": "book", "author": writer.id})


def update_product(session: Session, product: Product, changes: Mapping[str, object]) -> Product:
    """Updates the given fields of `ProductInput`. Attributes are merged; null removes one (RFC 7396).

    Raises Invalid, also for a change of kind, and Conflict (`sku_taken`).
    """
    if changes.get("kind", product.kind) != product.kind:
        raise Invalid("The kind of a product cannot be changed.", errors={"kind": ["Cannot be changed."]})
    given = {**_fields_of(product), **changes, "attributes": _merged(product, changes)}
    draft = validate(given, _kinds_of(session, product.kind))
    if "category" in changes:
        product.category = resolve_category(session, draft.category)
    if "author" in changes:
        product.author = resolve_author(session, draft.author) if draft.author else None
    for name, value in draft.model_dump(exclude={"category", "author", "author_email"}).items():
        setattr(product, name, value)
    product.updated_at = datetime.now(UTC)
    return _save(session, product, "updated")


def mark_changed(session: Session, product: Product) -> None:
    """Records that what belongs to a locked product has changed, such as its pictures."""
    product.updated_at = datetime.now(UTC)
    _save(session, product, "updated")


def delete_product(session: Session, product: Product) -> None:
    """Marks a product as deleted; it leaves its group. Carts report it as gone; existing orders keep it."""
    product.group_id = product.option_values = None
    product.deleted_at = product.updated_at = datetime.now(UTC)
    _save(session, product, "deleted")


def get_product(session: Session, product_id: str, *, lock: bool = False) -> Product:
    """Returns a product, with `lock` locked for update. Raises NotFound, also for a deleted one."""
    query = select(Product).where(Product.id == product_id, Product.deleted_at.is_(None))
    if lock:
        query = query.with_for_update(of=Product, key_share=True).execution_options(populate_existing=True)
    product = session.scalars(query).one_or_none()
    if product is None:
        raise NotFound("No such product.")
    return product


def products_by_id(session: Session, product_ids: Iterable[str]) -> dict[str, Product]:
    """Product id → product, for those on sale."""
    query = select(Product).where(Product.id.in_(set(product_ids)), Product.deleted_at.is_(None))
    return {product.id: product for product in session.scalars(query)}


def prices_of(session: Session, product_ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Product id → (price in minor units, currency), for those on sale."""
    on_sale = Product.id.in_(set(product_ids)), Product.deleted_at.is_(None)
    rows = session.execute(select(Product.id, Product.price_amount, Product.currency).where(*on_sale))
    return {row.id: (row.price_amount, row.currency) for row in rows}


def _kinds_of(session: Session, name: object) -> Kinds:
    """The kind with this name; all of them, to be named in the refusal, if there is none."""
    return (read_kinds(session, [name]) if isinstance(name, str) else {}) or read_kinds(session)


def _fields_of(product: Product) -> dict[str, object]:
    names = ("sku", "kind", "title", "description", "price_amount", "currency")
    fields = {name: getattr(product, name) for name in names}
    return {**fields, "category": product.category_id, "author": product.author_id}


def _merged(product: Product, changes: Mapping[str, Any]) -> dict[str, object]:
    merged = {**product.attributes, **changes.get("attributes", {})}
    return {name: value for name, value in merged.items() if value is not None}


def _save(session: Session, product: Product, change: str) -> Product:
    sku = product.sku
    session.add(product)
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_product_sku" not in str(error.orig):
            raise
        raise Conflict(f"A product with the SKU {sku} already exists.", code="sku_taken") from error
    event_log.emit(session, ProductChanged(product_id=product.id, sku=sku, change=change))
    return product
