"""Categories: a tree. They are found by name or created, moved, and deleted when empty."""

from collections.abc import Iterable, Mapping

from sqlalchemy import ARRAY, Select, String, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.named_rows import (
    ID,
    change_row,
    count_on_sale,
    delete_row,
    get_row,
    normalise_name,
    unknown_reference,
)
from models.catalogue.tables import Category, Product
from models.core.errors import Conflict, Invalid

# Lower-cased by the database only: Python's lower() differs for letters like İ.
_CATEGORY_KEY = [func.lower(Category.name)]
_TREE_LOCK = 0x74726565
"""Advisory lock key: concurrent moves could create a cycle that neither of them detects."""
_IS_ABOVE = text("""
    WITH RECURSIVE above AS (
        SELECT id, parent_id FROM catalogue.category WHERE id = :start
        UNION SELECT parent.id, parent.parent_id
        FROM catalogue.category AS parent JOIN above ON parent.id = above.parent_id
    )
    SELECT EXISTS (SELECT FROM above WHERE id = :sought)
""")


class CategoryInUse(Conflict):
    code = "category_in_use"


def select_categories() -> Select[Category]:
    """The query for all categories. The caller orders it."""
    return select(Category)


def get_category(session: Session, category_id: str, *, lock: bool = False) -> Category:
    """Returns a category, with `lock` locked for update. Raises NotFound."""
    return get_row(session, Category, category_id, lock, "category")


def create_category(session: Session, name: str, parent_id: str | None = None) -> Category:
    """Creates a category. Raises Conflict (`name_taken`), and Invalid for an unknown parent."""
    if parent_id is not None and session.get(Category, parent_id) is None:
        raise unknown_reference("parent_id", "category")
    row = {"id": new_id("cat"), "name": normalise_name(name), "parent_id": parent_id}
    new = insert(Category).values(row).on_conflict_do_nothing(index_elements=_CATEGORY_KEY)
    category = session.scalars(new.returning(Category)).one_or_none()
    if category is None:
        raise Conflict(f"A category named {normalise_name(name)} already exists.", code="name_taken")
    return category


def find_or_create_category(session: Session, name: str) -> Category:
    """Returns the category with this name, ignoring case; creates it if missing. Safe under concurrency."""
    category_id = find_or_create_categories(session, [name])[normalise_name(name)]
    return session.get_one(Category, category_id)


def find_or_create_categories(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Normalised name → category id; missing categories are created. At most three statements."""
    wanted = sorted({normalise_name(name) for name in names})  # sorted, so that concurrent inserts cannot deadlock
    row = func.unnest(bindparam("names", wanted, ARRAY(String))).table_valued("name").render_derived()
    query = select(row.c.name, Category.id).join(Category, func.lower(Category.name) == func.lower(row.c.name))
    found: dict[str, str] = dict(session.execute(query).all())
    missing = [{"id": new_id("cat"), "name": name} for name in wanted if name not in found]
    if missing:
        session.execute(insert(Category).values(missing).on_conflict_do_nothing(index_elements=_CATEGORY_KEY))
        found = dict(session.execute(query).all())
    return found


def resolve_category(session: Session, id_or_name: str) -> Category:
    """Returns the category with this id or name; creates it by name. Raises Invalid for an unknown id."""
    if not ID.fullmatch(id_or_name):
        return find_or_create_category(session, id_or_name)
    category = session.get(Category, id_or_name) if id_or_name.startswith("cat_") else None
    if category is None:
        raise unknown_reference("category", "category")
    return category


def update_category(session: Session, category: Category, changes: Mapping[str, str | None]) -> Category:
    """Updates `name` and `parent_id` if given; a parent of None makes it a root. Its contents move with it.

    Raises Invalid for an unknown parent, and Conflict: `name_taken`, or `category_cycle` if the parent is the category
    itself or below it.
    """
    parent_id = changes.get("parent_id")
    if parent_id is not None:
        session.execute(select(func.pg_advisory_xact_lock(_TREE_LOCK)))
        _check_parent(session, category, parent_id)
    return change_row(session, category, changes, "category")


def delete_category(session: Session, category: Category) -> None:
    """Deletes a category. Raises Conflict (`category_in_use`) if it contains products on sale or other categories.
    Deleted products do not count."""
    on_sale = count_on_sale(session, category, Product.category_id)
    below = session.scalars(select(func.count()).where(Category.parent_id == category.id)).one()
    if on_sale or below:
        counted = [f"{on_sale} products on sale"] * bool(on_sale) + [f"{below} categories"] * bool(below)
        detail = f"{category.name} contains {' and '.join(counted)}; move or delete them first."
        raise CategoryInUse(detail, products=on_sale, categories=below)
    delete_row(session, category, Product.category_id, CategoryInUse(f"{category.name} is in use again; retry."))


def _check_parent(session: Session, category: Category, parent_id: str) -> None:
    if session.get(Category, parent_id) is None:
        raise Invalid("No such category.", errors={"parent_id": ["No such category."]})
    ids = {"start": Category.id.type.process_bind_param(parent_id, None)}
    ids |= {"sought": Category.id.type.process_bind_param(category.id, None)}
    if session.scalar(_IS_ABOVE, ids):
        raise Conflict("A category cannot be below itself.", code="category_cycle")
