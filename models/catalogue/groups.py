"""What products are grouped by: categories and authors, found by name or made."""

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import ARRAY, Select, String, bindparam, func, literal_column, or_, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.catalogue.tables import Author, Category
from models.core.errors import Conflict, Invalid

Person = tuple[str, str]  # name and e-mail, "" where there is none
_ID = re.compile(r"(cat|aut)_[0-9a-f]{32}")
# Compared in lower case by the database alone: Python's lower() differs from its for letters like İ.
_CATEGORY_KEY: list[Any] = [func.lower(Category.name)]
# Without a parameter: a prepared statement could not be matched with the index.
_EMAIL = func.lower(func.coalesce(Author.email, literal_column("''")))
_PLAIN = Author.email.is_not(None)  # sorts those without an e-mail first
_AUTHOR_WORDS = text("to_tsvector('simple', catalogue.plain(author.name)) @@ catalogue.wanted(:q)")
_AUTHOR_KEY: list[Any] = [func.lower(Author.name), _EMAIL]


def create_category(session: Session, name: str, parent_id: str | None = None) -> Category:
    """A new category. Raises Conflict `name_taken`, or Invalid for an unknown parent."""
    if parent_id is not None and session.get(Category, parent_id) is None:
        raise _unknown("parent_id", "category")
    row = {"id": new_id("cat"), "name": tidy(name), "parent_id": parent_id}
    new = insert(Category).values(row).on_conflict_do_nothing(index_elements=_CATEGORY_KEY)
    category = session.scalars(new.returning(Category)).one_or_none()
    if category is None:
        raise Conflict(f"There is a category named {tidy(name)} already.", code="name_taken")
    return category


def create_author(session: Session, name: str, email: str | None = None, address: str | None = None) -> Author:
    """A new author. Raises Conflict `name_taken` if there is one of this name and e-mail."""
    author = _insert_author(session, tidy(name), email, address)
    if author is None:
        raise Conflict(f"There is an author {tidy(name)} with this e-mail already.", code="name_taken")
    return author


def find_or_create_category(session: Session, name: str) -> Category:
    """The category of this name, whatever its case; made if there is none, also when two ask at once."""
    category_id = find_or_create_categories(session, [name])[tidy(name)]
    return session.get_one(Category, category_id)


def find_or_create_categories(session: Session, names: Iterable[str]) -> dict[str, str]:
    """Tidied name → id of its category; those that are missing are made. At most three statements."""
    wanted = sorted({tidy(name) for name in names})  # sorted, so that two who make the same names can't deadlock
    row = func.unnest(bindparam("names", wanted, ARRAY(String))).table_valued("name").render_derived()
    query = select(row.c.name, Category.id).join(Category, func.lower(Category.name) == func.lower(row.c.name))
    found: dict[str, str] = dict(session.execute(query).all())
    missing = [{"id": new_id("cat"), "name": name} for name in wanted if name not in found]
    if missing:
        session.execute(insert(Category).values(missing).on_conflict_do_nothing(index_elements=_CATEGORY_KEY))
        found = dict(session.execute(query).all())
    return found


def find_or_create_author(session: Session, name: str, email: str | None = None, address: str | None = None) -> Author:
    """The author of this name and, if it is given, this e-mail; made if there is none, also when two ask at once.
    Without an e-mail, one who has none is meant, or else the first.

    One who is found stays as they are.
    """
    query = select(Author).where(func.lower(Author.name) == func.lower(tidy(name))).order_by(_PLAIN, Author.id).limit(1)
    if email:
        query = query.where(func.lower(email) == _EMAIL)
    found = session.scalars(query).one_or_none() or _insert_author(session, tidy(name), email, address)
    return found or session.scalars(query).one()


def find_or_create_authors(session: Session, people: Iterable[Person]) -> dict[Person, str]:
    """(Tidied name, e-mail) → id of the author; those that are missing are made. At most three statements.

    Without an e-mail, the author of that name who has none is meant, or else the first.
    """
    wanted = sorted({(tidy(name), email) for name, email in people})
    names, emails = [name for name, _ in wanted], [email for _, email in wanted]
    row = (
        func.unnest(bindparam("names", names, ARRAY(String)), bindparam("emails", emails, ARRAY(String)))
        .table_valued("name", "email")
        .render_derived()
    )
    same = func.lower(Author.name) == func.lower(row.c.name)
    meant = or_(row.c.email == "", func.lower(row.c.email) == _EMAIL)
    query = (
        select(row.c.name, row.c.email, Author.id).join(Author, same & meant).order_by(_PLAIN.desc(), Author.id.desc())
    )
    found = {(name, email): author_id for name, email, author_id in session.execute(query)}
    missing = [person for person in wanted if person not in found]
    if missing:
        rows = [{"id": new_id("aut"), "name": name, "email": email or None} for name, email in missing]
        session.execute(insert(Author).values(rows).on_conflict_do_nothing(index_elements=_AUTHOR_KEY))
        found = {(name, email): author_id for name, email, author_id in session.execute(query)}
    return found


def category_named(session: Session, id_or_name: str) -> Category:
    """The category with this id, or of this name, which is made if there is none. Raises Invalid for an unknown id."""
    if not _ID.fullmatch(id_or_name):
        return find_or_create_category(session, id_or_name)
    category = session.get(Category, id_or_name) if id_or_name.startswith("cat_") else None
    if category is None:
        raise _unknown("category", "category")
    return category


def author_named(session: Session, id_or_name: str, email: str | None = None) -> Author:
    """The author with this id, or of this name, who is made if there is none. Raises Invalid for an unknown id."""
    if not _ID.fullmatch(id_or_name):
        return find_or_create_author(session, id_or_name, email)
    author = session.get(Author, id_or_name) if id_or_name.startswith("aut_") else None
    if author is None:
        raise _unknown("author", "author")
    return author


def categories() -> Select[Any]:
    """All categories, to be ordered by the caller."""
    return select(Category)


def authors(q: str | None = None) -> Select[Any]:
    """The authors in whose name are words that begin with those of `q`, to be ordered by the caller."""
    query = select(Author)
    if not q:
        return query
    return query.where(_AUTHOR_WORDS.bindparams(q=q))


def tidy(name: str) -> str:
    """The name with single spaces only. Raises Invalid for an empty one."""
    tidied = " ".join(name.replace("\x00", "").split())
    if not tidied:
        raise Invalid("A name needs at least one character.", errors={"name": ["Must not be empty."]})
    return tidied


def _insert_author(session: Session, name: str, email: str | None, address: str | None) -> Author | None:
    row = {"id": new_id("aut"), "name": name, "email": email or None, "address": address or None}
    new = insert(Author).values(row).on_conflict_do_nothing(index_elements=_AUTHOR_KEY)
    return session.scalars(new.returning(Author)).one_or_none()


def _unknown(field: str, what: str) -> Invalid:
    return Invalid(f"There is no such {what}.", errors={field: [f"There is no such {what}."]})
