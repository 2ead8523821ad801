"""Shared code of categories and authors: normalising names; reading, updating and deleting rows."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import InstrumentedAttribute, Session

from models.catalogue.tables import Author, Category, Product
from models.core.errors import Conflict, Invalid, NotFound

Named = TypeVar("Named", Category, Author)
ProductColumn = InstrumentedAttribute[str | None]

ID = re.compile(r"(cat|aut)_[0-9a-f]{32}")
"""Distinguishes ids from names."""


def normalise_name(name: str) -> str:
    """Collapses whitespace in a name. Raises Invalid for an empty name."""
    tidied = " ".join(name.replace("\x00", "").split())
    if not tidied:
        raise Invalid("The name is empty.", errors={"name": ["Must not be empty."]})
    return tidied


def get_row(session: Session, table: type[Named], row_id: str, lock: bool, what: str) -> Named:
    """Returns a row of `table`, with `lock` locked for update. Raises NotFound."""
    query = select(table).where(table.id == row_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound(f"No such {what}.")
    return found


def change_row(session: Session, row: Named, changes: Mapping[str, str | None], what: str) -> Named:
    """Sets the columns of `changes`. Raises Conflict (`name_taken`)."""
    for name, value in changes.items():
        setattr(row, name, normalise_name(value or "") if name == "name" else value or None)
    row.updated_at = datetime.now(UTC)
    name = row.name
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_" not in str(error.orig):
            raise
        raise Conflict(f"Another {what} named {name} already exists.", code="name_taken") from error
    return row


def delete_row(session: Session, row: Category | Author, product_column: ProductColumn, in_use: Conflict) -> None:
    """Deletes a category or author and clears it on deleted products. Raises `in_use` if used meanwhile."""
    session.execute(update(Product).where(product_column == row.id).values({product_column: None}))
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:  # a product was added since they were counted
        raise in_use from error


def count_on_sale(session: Session, row: Category | Author, product_column: ProductColumn) -> int:
    """Counts the products on sale in a category or by an author."""
    query = select(func.count()).where(product_column == row.id, Product.deleted_at.is_(None))
    return session.scalars(query).one()


def unknown_reference(field: str, what: str) -> Invalid:
    """The error for a `field` that names an unknown category or author."""
    return Invalid(f"No such {what}.", errors={field: [f"No such {what}."]})
