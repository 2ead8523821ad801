"""Authors: found by name and e-mail address or created, updated, and deleted if none of their books is on sale."""

from collections.abc import Iterable, Mapping

from sqlalchemy import ARRAY, Select, String, bindparam, func, literal_column, or_, select, text
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
from models.catalogue.tables import Author, Product
from models.core.errors import Conflict

Person = tuple[str, str]
"""Name and e-mail address; "" if there is none."""
# A literal, not a parameter: otherwise a prepared statement could not use the index.
_EMAIL = func.lower(func.coalesce(Author.email, literal_column("''")))
_HAS_EMAIL = Author.email.is_not(None)  # sorts those without an e-mail address first
_AUTHOR_WORDS = text("to_tsvector('simple', catalogue.plain(author.name)) @@ catalogue.wanted(:q)")
_AUTHOR_KEY = [func.lower(Author.name), _EMAIL]


class AuthorInUse(Conflict):
    code = "author_in_use"


def select_authors(q: str | None = None) -> Select[Author]:
    """The query for authors whose name contains words with the prefixes in `q`. The caller orders it."""
    query = select(Author)
    if not q:
        return query
    return query.where(_AUTHOR_WORDS.bindparams(q=q))


def get_author(session: Session, author_id: str, *, lock: bool = False) -> Author:
    """Returns an author, with `lock` locked for update. Raises NotFound."""
    return get_row(session, Author, author_id, lock, "author")


def create_author(session: Session, name: str, email: str | None = None, address: str | None = None) -> Author:
    """Creates an author. Raises Conflict (`name_taken`) if name and e-mail address exist."""
    author = _insert_author(session, normalise_name(name), email, address)
    if author is None:
        raise Conflict(f"The author {normalise_name(name)} with this e-mail address already exists.", code="name_taken")
    return author


def find_or_create_author(session: Session, name: str, email: str | None = None, address: str | None = None) -> Author:
    """Returns the author with this name and, if given, e-mail address; creates it if missing. Safe under concurrency.

    Without an e-mail address, an author without one is preferred, then the oldest. An existing author is not changed.
    """
    query = (
        select(Author)
        .where(func.lower(Author.name) == func.lower(normalise_name(name)))
        .order_by(_HAS_EMAIL, Author.id)
        .limit(1)
    )
    if email:
        query = query.where(func.lower(email) == _EMAIL)
    found = session.scalars(query).one_or_none() or _insert_author(session, normalise_name(name), email, address)
    return found or session.scalars(query).one()


def find_or_create_authors(session: Session, people: Iterable[Person]) -> dict[Person, str]:
    """(Normalised name, e-mail address) → author id; missing authors are created. At most three statements.

    Without an e-mail address, an author without one is preferred, then the oldest.
    """
    wanted = sorted({(normalise_name(name), email) for name, email in people})
    names, emails = [name for name, _ in wanted], [email for _, email in wanted]
    row = (
        func.unnest(bindparam("names", names, ARRAY(String)), bindparam("emails", emails, ARRAY(String)))
        .table_valued("name", "email")
        .render_derived()
    )
    same = func.lower(Author.name) == func.lower(row.c.name)
    matches = or_(row.c.email == "", func.lower(row.c.email) == _EMAIL)
    query = (
        select(row.c.name, row.c.email, Author.id)
        .join(Author, same & matches)
        .order_by(_HAS_EMAIL.desc(), Author.id.desc())
    )
    found = {(name, email): author_id for name, email, author_id in session.execute(query)}
    missing = [person for person in wanted if person not in found]
    if missing:
        rows = [{"id": new_id("aut"), "name": name, "email": email or None} for name, email in missing]
        session.execute(insert(Author).values(rows).on_conflict_do_nothing(index_elements=_AUTHOR_KEY))
        found = {(name, email): author_id for name, email, author_id in session.execute(query)}
    return found


def resolve_author(session: Session, id_or_name: str, email: str | None = None) -> Author:
    """Returns the author with this id or name; creates it by name. Raises Invalid for an unknown id."""
    if not ID.fullmatch(id_or_name):
        return find_or_create_author(session, id_or_name, email)
    author = session.get(Author, id_or_name) if id_or_name.startswith("aut_") else None
    if author is None:
        raise unknown_reference("author", "author")
    return author


def update_author(session: Session, author: Author, changes: Mapping[str, str | None]) -> Author:
    """Updates `name`, `email` and `address` if given. Raises Conflict (`name_taken`)."""
    return change_row(session, author, changes, "author")


def delete_author(session: Session, author: Author) -> None:
    """Deletes an author. Raises Conflict (`author_in_use`) if their books are on sale."""
    if on_sale := count_on_sale(session, author, Product.author_id):
        detail = f"{author.name} has {on_sale} products on sale; move or delete them first."
        raise AuthorInUse(detail, products=on_sale)
    delete_row(session, author, Product.author_id, AuthorInUse(f"{author.name} is in use again; retry."))


def _insert_author(session: Session, name: str, email: str | None, address: str | None) -> Author | None:
    row = {"id": new_id("aut"), "name": name, "email": email or None, "address": address or None}
    new = insert(Author).values(row).on_conflict_do_nothing(index_elements=_AUTHOR_KEY)
    return session.scalars(new.returning(Author)).one_or_none()
