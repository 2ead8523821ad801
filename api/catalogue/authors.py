"""Views of authors."""

from typing import Any

from flask import url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.schemas import (
    Author,
    AuthorChanges,
    AuthorQuery,
    ListedAuthor,
    NewAuthor,
    NewAuthorBody,
)
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, page, page_of
from models import catalogue
from models.core.database import transaction


@blueprint.route("/authors")
class AuthorsView(MethodView):
    @public
    @blueprint.arguments(AuthorQuery, location="query")
    @blueprint.response(200, page_of(ListedAuthor))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns authors; with `q`, those whose name matches."""
        q = query.pop("q", None)
        with transaction() as session:
            return page(session, catalogue.select_authors(q), catalogue.Author.id.asc(), **query)

    @allowed("products:write")
    @error_codes("name_taken")
    @blueprint.arguments(NewAuthor)
    @idempotent()
    @blueprint.response(201, Author, headers=ETAG)
    def post(self, session: Session, body: NewAuthorBody) -> tuple[object, dict[str, str]]:
        """Creates an author. Name and e-mail address together must be unique."""
        made = catalogue.create_author(session, **body)
        address = url_for("catalogue.AuthorView", author_id=made.id)
        return made, {"Location": address, **etag(made.updated_at)}


@blueprint.route('/authors/<id("aut"):author_id>')
class AuthorView(MethodView):
    @public
    @blueprint.response(200, ListedAuthor, headers=ETAG)
    def get(self, author_id: str) -> tuple[object, dict[str, str]]:
        """Returns an author."""
        with transaction() as session:
            found = catalogue.get_author(session, author_id)
        return found, etag(found.updated_at)

    @allowed("products:write")
    @error_codes("name_taken", "stale")
    @blueprint.arguments(AuthorChanges)
    @blueprint.response(200, Author, headers=ETAG)
    def patch(self, body: dict[str, str | None], author_id: str) -> tuple[object, dict[str, str]]:
        """Updates an author. Omitted fields keep their values; null clears a field."""
        with transaction() as session:
            author = catalogue.get_author(session, author_id, lock=True)
            check_unchanged(author.updated_at)
            changed = catalogue.update_author(session, author, body)
        return changed, etag(changed.updated_at)

    @allowed("products:write")
    @error_codes("author_in_use", "stale")
    @blueprint.response(204)
    def delete(self, author_id: str) -> None:
        """Deletes an author. Fails with 409 if books by the author are on sale."""
        with transaction() as session:
            author = catalogue.get_author(session, author_id, lock=True)
            check_unchanged(author.updated_at)
            catalogue.delete_author(session, author)
