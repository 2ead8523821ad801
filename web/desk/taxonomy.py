"""Categories, which are a tree, and authors: creating, renaming, moving and deleting them."""

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, url_for
from sqlalchemy.orm import Session

from api.catalogue.schemas import AuthorChanges, AuthorQuery, CategoryChanges, NewAuthor, NewCategory
from models import catalogue
from models.catalogue import Author, Category
from models.core.database import transaction
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters, read_rows
from web.desk.pages import show
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.versions import check_version, version_of

CATEGORY = '/categories/<id("cat"):category_id>'
AUTHOR = '/authors/<id("aut"):author_id>'


@desk.get("/categories")
@access.allowed("products:write")
def categories_page() -> Response:
    """All categories as a tree, and the form for a new one."""
    return _show_categories(read_outcome())


@desk.post("/categories")
@takes_form
@access.allowed("products:write")
def create_category() -> Response:
    """Creates a category."""

    def work(session: Session) -> str:
        body: Any = load(NewCategory(), name=text("name"), parent_id=text("parent_id"))
        catalogue.create_category(session, **body)
        return url_for("desk.categories_page", done="category_created")

    return send(work, _show_categories)


@desk.post(CATEGORY)
@takes_form
@access.allowed("products:write")
def save_category(category_id: str) -> Response:
    """Renames a category, and moves it with its contents."""

    def work(session: Session) -> str:
        found = _category(session, category_id)
        body: Any = {"parent_id": None, **load(CategoryChanges(), name=text("name"), parent_id=text("parent_id"))}
        catalogue.update_category(session, found, body)
        return url_for("desk.categories_page", done="category_saved")

    return send(work, _show_categories)


@desk.post(f"{CATEGORY}/delete")
@takes_form
@access.allowed("products:write")
def delete_category(category_id: str) -> Response:
    """Deletes a category that is empty."""

    def work(session: Session) -> str:
        catalogue.delete_category(session, _category(session, category_id))
        return url_for("desk.categories_page", done="category_deleted")

    return send(work, _show_categories)


@desk.get("/authors")
@access.allowed("products:write")
def authors_page() -> Response:
    """The list of authors, and the form for a new one."""
    return _show_authors(read_outcome())


@desk.post("/authors")
@takes_form
@access.allowed("products:write")
def create_author() -> Response:
    """Creates an author."""

    def work(session: Session) -> str:
        body: Any = load(NewAuthor(), name=text("name"), email=text("email"), address=text("address"))
        made = catalogue.create_author(session, **body)
        return url_for("desk.author_page", author_id=made.id, done="author_created")

    return send(work, _show_authors)


@desk.get(AUTHOR)
@access.allowed("products:write")
def author_page(author_id: str) -> Response:
    """An author with the contact data that only staff see."""
    return _show_author(author_id, read_outcome())


@desk.post(AUTHOR)
@takes_form
@access.allowed("products:write")
def save_author(author_id: str) -> Response:
    """Saves an author, unless somebody else has changed them since the page was opened."""

    def work(session: Session) -> str:
        found = _author(session, author_id)
        given = load(AuthorChanges(), name=text("name"), email=text("email"), address=text("address"))
        catalogue.update_author(session, found, {"email": None, "address": None, **given})  # type: ignore[dict-item]
        return url_for("desk.author_page", author_id=author_id, done="author_saved")

    return send(work, lambda outcome, status: _show_author(author_id, outcome, status))


@desk.post(f"{AUTHOR}/delete")
@takes_form
@access.allowed("products:write")
def delete_author(author_id: str) -> Response:
    """Deletes an author without books on sale."""

    def work(session: Session) -> str:
        catalogue.delete_author(session, _author(session, author_id))
        return url_for("desk.authors_page", done="author_deleted")

    return send(work, lambda outcome, status: _show_author(author_id, outcome, status))


def _category(session: Session, category_id: str) -> Category:
    found = catalogue.get_category(session, category_id, lock=True)
    check_version(found.name, found.parent_id)
    return found


def _author(session: Session, author_id: str) -> Author:
    found = catalogue.get_author(session, author_id, lock=True)
    check_version(found.name, found.email, found.address)
    return found


def _tree(found: Sequence[Category], parent_id: str | None = None, depth: int = 0) -> Iterator[tuple[int, Category]]:
    """Depth and category, each followed by what is below it."""
    for category in sorted((one for one in found if one.parent_id == parent_id), key=lambda one: one.name.lower()):
        yield depth, category
        yield from _tree(found, category.id, depth + 1)


def _show_categories(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        found = session.scalars(catalogue.select_categories()).all()
    versions = {one.id: version_of(one.name, one.parent_id) for one in found}
    return show("categories.html", status, section="desk.categories_page", tree=list(_tree(found)), versions=versions,
                outcome=outcome)  # fmt: skip


def _show_authors(outcome: Outcome, status: int = 200) -> Response:
    filters = read_filters(AuthorQuery(), "q")
    with transaction() as session:
        found = read_rows(session, filters, catalogue.select_authors, Author.id.asc())
    return show("authors.html", status, section="desk.authors_page", authors=found["data"], filters=filters, shown={},
                cursor=found["next_cursor"], outcome=outcome)  # fmt: skip


def _show_author(author_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        found = catalogue.get_author(session, author_id)
    shown = {"name": found.name, "email": found.email or "", "address": found.address or ""}
    return show("author.html", status, section="desk.authors_page", author=found, shown=shown, outcome=outcome,
                version=version_of(found.name, found.email, found.address))  # fmt: skip
