"""Categories: a tree. They are found by name or created, moved, and deleted once nothing is in them."""

from collections.abc import Iterable, Mapping

from sqlalchemy import ARRAY, Select, String, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.named_rows import ID, change_row, count_on_sale, delete_row, get_row, normalise_name, unknown
from models.catalogue.tables import Category, Product
from models.core.errors import Conflict, Invalid

# Compared in lower case by the database alone: Python's lower() differs from its for letters like İ.
_CATEGORY_KEY = [func.lower(Category.name)]
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


class CategoryInUse(Conflict):
    code = "category_in_use"


def select_categories() -> Select[Category]:
    """All categories, to be ordered by the caller."""
    return select(Category)


def get_category(session: Session, category_id: str, *, lock: bool = False) -> Category:
    """The category, locked against other changes if asked. Raises NotFound."""
    return get_row(session, Category, category_id, lock, "category")


def create_category(session: Session, name: str, parent_id: str | None = None) -> Category:
    """A new category. Raises Conflict `name_taken`, or Invalid for an unknown parent."""
    if parent_id is not None and session.get(Category, parent_id) is None:
        raise unknown("parent_id", "category")
    row = {"id": new_id("cat"), "name": normalise_name(name), "parent_id": parent_id}
    new = insert(Category).values(row).on_conflict_do_nothing(index_elements=_CATEGORY_KEY)
    category = session.scalars(new.returning(Category)).one_or_none()
    if category is None:
        raise Conflict(f"There is a category named {normalise_name(name)} already.", code="name_taken")
    return category


def find_or_create_category(session: Session, name: str) -> Category:
    """The category of this name, whatever its case; made if there is none, also when two ask at once."""
    category_id = find_or_create_categories(session, [name])[normalise_name(name)]
    return session.get_one(Category, category_id)


def find_or_create_categories(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Tidied name → id of its category; those that are missing are made. At most three statements."""
    wanted = sorted(
        {normalise_name(name) for name in names}
    )  # sorted, so that two who make the same names can't deadlock
    row = func.unnest(bindparam("names", wanted, ARRAY(String))).table_valued("name").render_derived()
    query = select(row.c.name, Category.id).join(Category, func.lower(Category.name) == func.lower(row.c.name))
    found: dict[str, str] = dict(session.execute(query).all())
    missing = [{"id": new_id("cat"), "name": name} for name in wanted if name not in found]
    if missing:
        session.execute(insert(Category).values(missing).on_conflict_do_nothing(index_elements=_CATEGORY_KEY))
        found = dict(session.execute(query).all())
    return found


def resolve_category(session: Session, id_or_name: str) -> Category:
    """The category with this id, or of this name, which is made if there is none. Raises Invalid for an unknown id."""
    if not ID.fullmatch(id_or_name):
        return find_or_create_category(session, id_or_name)
    category = session.get(Category, id_or_name) if id_or_name.startswith("cat_") else None
    if category is None:
        raise unknown("category", "category")
    return category


def update_category(session: Session, category: Category, changes: Mapping[str, str | None]) -> Category:
    """Changes `name` and `parent_id` where they are given; None makes it a root. What is in it moves along.

    Raises Invalid for an unknown parent, Conflict `name_taken`, and `category_cycle` where the parent is the
    category itself or one below it.
    """
    parent_id = changes.get("parent_id")
    if parent_id is not None:
        session.execute(select(func.pg_advisory_xact_lock(_TREE)))
        _check_parent(session, category, parent_id)
    return change_row(session, category, changes, "category")


def delete_category(session: Session, category: Category) -> None:
    """Deletes a category in which there is nothing. Raises Conflict `category_in_use` while products on sale or
    other categories are in it. Products that were deleted do not count."""
    on_sale = count_on_sale(session, category, Product.category_id)
    below = session.scalars(select(func.count()).where(Category.parent_id == category.id)).one()
    if on_sale or below:
        counted = [f"{on_sale} products on sale"] * bool(on_sale) + [f"{below} categories"] * bool(below)
        detail = f"{category.name} still has {' and '.join(counted)}; move or delete them first."
        raise CategoryInUse(detail, products=on_sale, categories=below)
    delete_row(
        session, category, Product.category_id, CategoryInUse(f"{category.name} was used again just now; retry.")
    )


def _check_parent(session: Session, category: Category, parent_id: str) -> None:
    if session.get(Category, parent_id) is None:
        raise Invalid("There is no such category.", errors={"parent_id": ["There is no such category."]})
    ids = {"start": Category.id.type.process_bind_param(parent_id, None)}
    ids |= {"sought": Category.id.type.process_bind_param(category.id, None)}
    if session.scalar(_ABOVE, ids):
        raise Conflict("A category can't be below itself.", code="category_cycle")
