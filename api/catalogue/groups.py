"""Views of categories and authors."""

from typing import Any

from flask.views import MethodView
from marshmallow import fields, validate

from api.auth import allowed, public
from api.catalogue.blueprint import blueprint
from api.errors import refuses
from api.fields import IdField, Schema
from api.pages import PageQuery, page, page_of
from models import catalogue
from models.database import transaction


class NewCategory(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "Novels"})
    parent_id = IdField("cat", allow_none=True)


class Category(NewCategory):
    id = IdField("cat")


class NewAuthor(Schema):
    name = fields.String(required=True, validate=validate.Length(1, 200), metadata={"example": "Jane Austen"})
    email = fields.Email(allow_none=True, validate=validate.Length(max=254))
    address = fields.String(allow_none=True, validate=validate.Length(max=500))


class Author(NewAuthor):
    id = IdField("aut")


class ListedAuthor(Schema):
    """What everybody may know. Where authors live and can be reached stays with the shop."""

    id = IdField("aut")
    name = fields.String()


class AuthorQuery(PageQuery):
    q = fields.String(validate=validate.Length(1, 200), metadata={"description": "part of the name"})


@blueprint.route("/categories")
class CategoriesView(MethodView):
    @public
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Category))
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """All categories; `parent_id` makes them a tree."""
        with transaction() as session:
            return page(session, catalogue.categories(), catalogue.Category.id.asc(), **query)

    @allowed("products:write")
    @refuses("name_taken")
    @blueprint.arguments(NewCategory)
    @blueprint.response(201, Category)
    def post(self, body: dict[str, Any]) -> catalogue.Category:
        """Makes a category. Its name must be new, whatever its case."""
        with transaction() as session:
            return catalogue.create_category(session, **body)


@blueprint.route("/authors")
class AuthorsView(MethodView):
    @public
    @blueprint.arguments(AuthorQuery, location="query")
    @blueprint.response(200, page_of(ListedAuthor))
    def get(self, query: dict[str, Any]) -> dict[str, Any]:
        """Authors; with `q`, those whose name contains it."""
        q = query.pop("q", None)
        with transaction() as session:
            return page(session, catalogue.authors(q), catalogue.Author.id.asc(), **query)

    @allowed("products:write")
    @refuses("name_taken")
    @blueprint.arguments(NewAuthor)
    @blueprint.response(201, Author)
    def post(self, body: dict[str, Any]) -> catalogue.Author:
        """Makes an author. Name and e-mail together must be new."""
        with transaction() as session:
            return catalogue.create_author(session, **body)
