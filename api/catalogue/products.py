"""Views of products."""

from typing import Any

from flask import Response, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.listing import json_response, render_page
from api.catalogue.schemas import (
    NewBook,
    NewProduct,
    Product,
    ProductChanges,
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
from serving.catalogue import ProductQuery, parse_query


@blueprint.route("/products")
class ProductsView(MethodView):
    @public
    @blueprint.arguments(ProductQuery, location="query")
    @blueprint.response(200, page_of(Product), headers=ETAG)
    def get(self, query: dict[str, Any]) -> Response:
        """Returns products on sale, newest first; with `q`, best matches first."""
        return render_page(parse_query(query))

    @allowed("products:write")
    @error_codes("sku_taken")
    @blueprint.arguments(NewProduct)
    @idempotent()
    @blueprint.response(201, Product)
    def post(self, session: Session, body: dict[str, Any]) -> Response:
        """Creates a product. Its SKU must be unique. A named category or author is created if missing."""
        return _created(session, catalogue.create_product(session, product_fields(body)))


@blueprint.route("/products/books")
class BooksView(MethodView):
    @allowed("products:write")
    @error_codes("sku_taken")
    @blueprint.arguments(NewBook)
    @idempotent()
    @blueprint.response(201, Product)
    def post(self, session: Session, body: dict[str, Any]) -> Response:
        """Creates a book, with its author and category if they are missing, in one transaction."""
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
        """Returns a product with its availability."""
        return json_response(*search.read_product(product_id))

    @allowed("products:write")
    @error_codes("sku_taken", "stale")
    @blueprint.arguments(ProductChanges)
    @blueprint.response(200, Product, headers=ETAG)
    def patch(self, body: dict[str, Any], product_id: str) -> Response:
        """Updates a product. Attributes are merged; null removes one (RFC 7396)."""
        with transaction() as session:
            product = catalogue.get_product(session, product_id, lock=True)
            check_unchanged(product.updated_at)
            catalogue.update_product(session, product, product_fields(body))
            return json_response(*search.read_product(product_id, session))

    @allowed("products:write")
    @error_codes("stale")
    @blueprint.response(204)
    def delete(self, product_id: str) -> None:
        """Deletes a product. Existing orders keep it."""
        with transaction() as session:
            product = catalogue.get_product(session, product_id, lock=True)
            check_unchanged(product.updated_at)
            catalogue.delete_product(session, product)


def _created(session: Session, product: catalogue.Product) -> Response:
    response = json_response(*search.read_product(product.id, session))
    response.status_code = 201
    response.headers["Location"] = url_for("catalogue.ProductView", product_id=product.id)
    return response
