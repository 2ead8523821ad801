"""Categories and authors one by one: how they change and go."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from models.catalogue.groups import tidy
from models.catalogue.tables import Author, Category, Product
from models.core.errors import Conflict, Invalid, NotFound


class CategoryInUse(Conflict):
    code = "category_in_use"


class AuthorInUse(Conflict):
    code = "author_in_use"


_TREE = 0x74726565
"""Advisory lock: two moves at once could make a cycle that neither of them sees."""
_ABOVE = text("""
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM catalogue.category WHERE id = :start
        UNION SELECT parent.id, parent.parent_id
        FROM catalogue.category AS parent JOIN above ON parent.id = above.parent_id
    )
    SELECT EXISTS (SELECT FROM above WHERE id = :sought)
""")


def get_category(session: Session, category_id: str, *, lock: bool = False) -> Category:
    """The category, locked against other changes if asked. Raises NotFound."""
    return _get(session, Category, category_id, lock, "category")


def get_author(session: Session, author_id: str, *, lock: bool = False) -> Author:
    """The author, locked against other changes if asked. Raises NotFound."""
    return _get(session, Author, author_id, lock, "author")


def update_category(session: Session, category: Category, changes: dict[str, Any]) -> Category:
    """Changes `name` and `parent_id` where they are given; None makes it a root. What is in it moves along.

    Raises Invalid for an unknown parent, Conflict `name_taken`, and `category_cycle` where the parent is the
    category itself or one below it.
    """
    parent_id = changes.get("parent_id")
    if parent_id is not None:
        session.execute(select(func.pg_advisory_xact_lock(_TREE)))
        _check_parent(session, category, parent_id)
    return _change(session, category, changes, "category")


def update_author(session: Session, author: Author, changes: dict[str, Any]) -> Author:
    """Changes `name`, `email` and `address` where they are given. Raises Conflict `name_taken`."""
    return _change(session, author, changes, "author")


def delete_category(session: Session, category: Category) -> None:
    """Deletes a category in which there is nothing. Raises Conflict `category_in_use` while products on sale or
    other categories are in it. Products that were deleted do not count."""
    inside = select(func.count()).where(Category.parent_id == category.id)
    _delete(session, category, Product.category_id, CategoryInUse, inside)


def delete_author(session: Session, author: Author) -> None:
    """Deletes an author. Raises Conflict `author_in_use` while a book of theirs is on sale."""
    _delete(session, author, Product.author_id, AuthorInUse, None)


def _get(session: Session, table: Any, row_id: str, lock: bool, what: str) -> Any:
    query = select(table).where(table.id == row_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    found = session.scalars(query).one_or_none()
    if found is None:
        raise NotFound(f"There is no such {what}.")
    return found


def _check_parent(session: Session, category: Category, parent_id: str) -> None:
    if session.get(Category, parent_id) is None:
        raise Invalid("There is no such category.", errors={"parent_id": ["There is no such category."]})
    ids = {"start": Category.id.type.process_bind_param(parent_id, None)}
    ids |= {"sought": Category.id.type.process_bind_param(category.id, None)}
    if session.scalar(_ABOVE, ids):
        raise Conflict("A category can't be below itself.", code="category_cycle")


def _change(session: Session, row: Any, changes: dict[str, Any], what: str) -> Any:
    for name, value in changes.items():
        setattr(row, name, tidy(value) if name == "name" else value or None)
    row.updated_at = datetime.now(UTC)
    name = row.name
    try:
        session.flush()
    except IntegrityError as error:
        if "uq_" not in str(error.orig):
            raise
        raise Conflict(f"There is another {what} named {name} already.", code="name_taken") from error
    return row


def _delete(session: Session, row: Any, column: Any, refusal: type[Conflict], inside: Any) -> None:
    on_sale = session.scalar(select(func.count()).where(column == row.id, Product.deleted_at.is_(None)))
    below = session.scalar(inside) if inside is not None else 0
    if on_sale or below:
        counted = [f"{on_sale} products on sale"] * bool(on_sale) + [f"{below} categories"] * bool(below)
        extra: dict[str, Any] = {"products": on_sale} if inside is None else {"products": on_sale, "categories": below}
        raise refusal(f"{row.name} still has {' and '.join(counted)}; move or delete them first.", None, **extra)
    session.execute(update(Product).where(column == row.id).values({column: None}))
    session.delete(row)
    try:
        session.flush()
    except IntegrityError as error:  # something has come in since it was counted
        raise refusal(f"{row.name} has just been used again; look again.") from error
