"""Views of products."""

from typing import Any

from flask import Response, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.listing import as_json, as_page, wanted_page
from api.catalogue.schemas import (
    NewBook,
    NewProduct,
    Product,
    ProductChanges,
    ProductQuery,
    product_fields,
)
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged
from api.http.idempotency import idempotent
from api.http.pagination import page_of
from models import catalogue
from models.catalogue import search
from models.core.database import transaction


@blueprint.route("/products")
class ProductsView(MethodView):
    @public
    @blueprint.arguments(ProductQuery, location="query")
    @blueprint.response(200, page_of(Product), headers=ETAG)
    def get(self, query: dict[str, Any]) -> Response:
        """Products on sale: the newest first or, where something is searched for, the best matches first."""
        return as_page(wanted_page(query))

    @allowed("products:write")
    @error_codes("sku_taken")
    @blueprint.arguments(NewProduct)
    @idempotent()
    @blueprint.response(201, Product)
    def post(self, session: Session, body: dict[str, Any]) -> Response:
        """Makes a product. Its SKU must be new; a category or an author that is named is made if there is none."""
        return _created(session, catalogue.create_product(session, product_fields(body)))


@blueprint.route("/products/books")
class BooksView(MethodView):
    @allowed("products:write")
    @error_codes("sku_taken")
    @blueprint.arguments(NewBook)
    @idempotent()
    @blueprint.response(201, Product)
    def post(self, session: Session, body: dict[str, Any]) -> Response:
        """Makes a book with its author and its category, found or made: all at once, or nothing."""
        author, published_on = body.pop("author"), body.pop("published_on", None)
        attributes = body.get("attributes", {})
        if published_on is not None:
            attributes = {**attributes, "published_on": published_on.isoformat()}
        return _created(
            session, catalogue.create_book(session, {**product_fields(body), "attributes": attributes}, author)
        )


@blueprint.route('/products/<id("prd"):product_id>')
class ProductView(MethodView):
    @public
    @blueprint.response(200, Product, headers=ETAG)
    def get(self, product_id: str) -> Response:
        """A product with what is available of it."""
        return as_json(*search.read_product(product_id))

    @allowed("products:write")
    @error_codes("sku_taken", "stale")
    @blueprint.arguments(ProductChanges)
    @blueprint.response(200, Product, headers=ETAG)
    def patch(self, body: dict[str, Any], product_id: str) -> Response:
        """Changes what is given. Attributes are merged, and null takes one out (RFC 7396)."""
        with transaction() as session:
            product = catalogue.get_product(session, product_id, lock=True)
            check_unchanged(product.updated_at)
            catalogue.update_product(session, product, product_fields(body))
            return as_json(*search.read_product(product_id, session))

    @allowed("products:write")
    @error_codes("stale")
    @blueprint.response(204)
    def delete(self, product_id: str) -> None:
        """Takes a product off the shelves. Orders of it can still be read."""
        with transaction() as session:
            product = catalogue.get_product(session, product_id, lock=True)
            check_unchanged(product.updated_at)
            catalogue.delete_product(session, product)


def _created(session: Session, product: catalogue.Product) -> Response:
    response = as_json(*search.read_product(product.id, session))
    response.status_code = 201
    response.headers["Location"] = url_for("catalogue.ProductView", product_id=product.id)
    return response
