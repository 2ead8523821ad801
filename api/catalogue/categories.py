"""Views of categories."""

from flask import url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.schemas import (
    Category,
    CategoryChanges,
    NewCategory,
    NewCategoryBody,
)
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import catalogue
from models.core.database import transaction


@blueprint.route("/categories")
class CategoriesView(MethodView):
    @public
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Category))
    def get(self, query: PageArgs) -> Page:
        """Returns all categories. `parent_id` links them to a tree."""
        with transaction() as session:
            return page(session, catalogue.select_categories(), catalogue.Category.id.asc(), **query)

    @allowed("products:write")
    @error_codes("name_taken")
    @blueprint.arguments(NewCategory)
    @idempotent()
    @blueprint.response(201, Category, headers=ETAG)
    def post(self, session: Session, body: NewCategoryBody) -> tuple[object, dict[str, str]]:
        """Creates a category. Its name must be unique, ignoring case."""
        made = catalogue.create_category(session, **body)
        address = url_for("catalogue.CategoryView", category_id=made.id)
        return made, {"Location": address, **etag(made.updated_at)}


@blueprint.route('/categories/<id("cat"):category_id>')
class CategoryView(MethodView):
    @public
    @blueprint.response(200, Category, headers=ETAG)
    def get(self, category_id: str) -> tuple[object, dict[str, str]]:
        """Returns a category."""
        with transaction() as session:
            found = catalogue.get_category(session, category_id)
        return found, etag(found.updated_at)

    @allowed("products:write")
    @error_codes("name_taken", "category_cycle", "stale")
    @blueprint.arguments(CategoryChanges)
    @blueprint.response(200, Category, headers=ETAG)
    def patch(self, body: dict[str, str | None], category_id: str) -> tuple[object, dict[str, str]]:
        """Renames a category or moves it with its contents. It cannot be moved below itself."""
        with transaction() as session:
            category = catalogue.get_category(session, category_id, lock=True)
            check_unchanged(category.updated_at)
            changed = catalogue.update_category(session, category, body)
        return changed, etag(changed.updated_at)

    @allowed("products:write")
    @error_codes("category_in_use", "stale")
    @blueprint.response(204)
    def delete(self, category_id: str) -> None:
        """Deletes a category. Fails with 409 if it contains products on sale or other categories."""
        with transaction() as session:
            category = catalogue.get_category(session, category_id, lock=True)
            check_unchanged(category.updated_at)
            catalogue.delete_category(session, category)
