"""What categories and authors have in common: names, and how one is read, changed and deleted."""

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
"""What is an id where a name may stand as well."""


def normalise_name(name: str) -> str:
    """The name with single spaces only. Raises Invalid for an empty one."""
    tidied = " ".join(name.replace("\x00", "").split())
    if not tidied:
        raise Invalid("A name needs at least one character.", errors={"name": ["Must not be empty."]})
    return tidied


def get_row(session: Session, table: type[Named], row_id: str, lock: bool, what: str) -> Named:
    """The row of `table`, locked against other changes if asked. Raises NotFound."""
    query = select(table).where(table.id == row_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound(f"There is no such {what}.")
    return found


def change_row(session: Session, row: Named, changes: Mapping[str, str | None], what: str) -> Named:
    """Sets the columns of `changes`. Raises Conflict `name_taken`."""
    for name, value in changes.items():
        setattr(row, name, normalise_name(value or "") if name == "name" else value or None)
    row.updated_at = datetime.now(UTC)
    name = row.name
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_" not in str(error.orig):
            raise
        raise Conflict(f"There is another {what} named {name} already.", code="name_taken") from error
    return row


def delete_row(session: Session, row: Category | Author, product_column: ProductColumn, in_use: Conflict) -> None:
    """Deletes a category or an author, and takes it off deleted products. Raises `in_use` if it was used meanwhile."""
    session.execute(update(Product).where(product_column == row.id).values({product_column: None}))
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:  # something was added since it was counted
        raise in_use from error


def count_on_sale(session: Session, row: Category | Author, product_column: ProductColumn) -> int:
    """How many products on sale are in this category, or by this author."""
    query = select(func.count()).where(product_column == row.id, Product.deleted_at.is_(None))
    return session.scalars(query).one()


def unknown(field: str, what: str) -> Invalid:
    """The refusal of a `field` that names a category or an author that does not exist."""
    return Invalid(f"There is no such {what}.", errors={field: [f"There is no such {what}."]})
