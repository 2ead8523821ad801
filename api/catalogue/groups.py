"""Views of product groups."""

from hashlib import blake2b
from typing import Any

from flask import json, url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.group_schemas import (
    ListedProductGroup,
    NewProductGroup,
    NewProductGroupBody,
    ProductGroup,
    ProductGroupChanges,
    ProductGroupQuery,
    ProductOptions,
    ProductOptionsBody,
)
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, page, page_of
from models import catalogue
from models.catalogue import search
from models.core.database import transaction

Answer = tuple[object, dict[str, str]]
PUTTING = ("options_taken", "in_other_group", "group_full", "too_many_option_values")


@blueprint.route("/product-groups")
class ProductGroupsView(MethodView):
    @public
    @blueprint.arguments(ProductGroupQuery, location="query")
    @blueprint.response(200, page_of(ListedProductGroup))
    def get(self, query: dict[str, Any]) -> Page:
        """Returns product groups, newest first."""
        handle = query.pop("handle", None)
        with transaction() as session:
            return page(session, catalogue.select_groups(handle), catalogue.ProductGroup.id.desc(), **query)

    @allowed("products:write")
    @error_codes("handle_taken", "not_found", *PUTTING)
    @blueprint.arguments(NewProductGroup)
    @idempotent()
    @blueprint.response(201, ProductGroup, headers=ETAG)
    def post(self, session: Session, body: NewProductGroupBody) -> Answer:
        """Creates a group of products that differ by options, such as size and colour."""
        members = [(member["product_id"], member["options"]) for member in body["products"]]
        fields = {name: value for name, value in body.items() if name != "products"}
        made = catalogue.create_group(session, fields, members)
        shown, headers = _in_detail(session, made)
        return shown, {"Location": url_for("catalogue.ProductGroupView", group_id=made.id), **headers}


@blueprint.route('/product-groups/<id("grp"):group_id>')
class ProductGroupView(MethodView):
    @public
    @blueprint.response(200, ProductGroup, headers=ETAG)
    def get(self, group_id: str) -> Answer:
        """Returns a group with its products."""
        with transaction() as session:
            return _in_detail(session, catalogue.get_group(session, group_id))

    @allowed("products:write")
    @error_codes("handle_taken", "options_in_use", "too_many_option_values", "stale")
    @blueprint.arguments(ProductGroupChanges)
    @blueprint.response(200, ProductGroup, headers=ETAG)
    def patch(self, body: dict[str, Any], group_id: str) -> Answer:
        """Updates a group. Options are renamed by their place; the values that products have must remain."""
        with transaction() as session:
            group = catalogue.get_group(session, group_id, lock=True)
            check_unchanged(group.updated_at)
            return _in_detail(session, catalogue.update_group(session, group, body))

    @allowed("products:write")
    @error_codes("stale")
    @blueprint.response(204)
    def delete(self, group_id: str) -> None:
        """Deletes a group. Its products are kept."""
        with transaction() as session:
            group = catalogue.get_group(session, group_id, lock=True)
            check_unchanged(group.updated_at)
            catalogue.delete_group(session, group)


@blueprint.route('/product-groups/<id("grp"):group_id>/products/<id("prd"):product_id>')
class ProductOfGroupView(MethodView):
    @allowed("products:write")
    @error_codes(*PUTTING)
    @blueprint.arguments(ProductOptions)
    @blueprint.response(200, ProductGroup, headers=ETAG)
    def put(self, body: ProductOptionsBody, group_id: str, product_id: str) -> Answer:
        """Puts a product into a group, or changes its options there. New values are added to the options."""
        with transaction() as session:
            group = catalogue.get_group(session, group_id, lock=True)
            catalogue.put_into_group(session, group, product_id, body["options"])
            return _in_detail(session, group)

    @allowed("products:write")
    @blueprint.response(204)
    def delete(self, group_id: str, product_id: str) -> None:
        """Removes a product from a group. The product is kept."""
        with transaction() as session:
            group = catalogue.get_group(session, group_id, lock=True)
            catalogue.remove_from_group(session, group, product_id)


def _in_detail(session: Session, group: catalogue.ProductGroup) -> Answer:
    products = search.read_members(session, group.id)
    names = ("id", "handle", "title", "options", "created_at", "updated_at")
    beside = blake2b(json.dumps(products).encode(), digest_size=8).hexdigest()
    return {**{name: getattr(group, name) for name in names}, "products": products}, etag(group.updated_at, beside)
