"""Views of kinds of products."""

from typing import Any

from flask import url_for
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.catalogue.blueprint import blueprint
from api.catalogue.kind_schemas import NewProductKind, NewProductKindBody, ProductKind, ProductKindChanges
from api.http.auth import allowed, public
from api.http.errors import error_codes
from api.http.etags import ETAG, check_unchanged, etag
from api.http.idempotency import idempotent
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import catalogue, inventory
from models.core.database import transaction

Answer = tuple[dict[str, object], dict[str, str]]


@blueprint.route("/kinds")
class KindsView(MethodView):
    @public
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(ProductKind))
    def get(self, query: PageArgs) -> Page:
        """Returns the kinds of products, by name, with the attributes that their products may have."""
        with transaction() as session:
            found = page(session, catalogue.select_kinds(), catalogue.Kind.name.asc(), **query)
        found["data"] = [_shown(kind) for kind in found["data"]]
        return found

    @allowed("products:write")
    @error_codes("name_taken", "too_many_kinds")
    @blueprint.arguments(NewProductKind)
    @idempotent()
    @blueprint.response(201, ProductKind, headers=ETAG)
    def post(self, session: Session, body: NewProductKindBody) -> Answer:
        """Creates a kind of products."""
        made = catalogue.create_kind(session, body)
        headers = {"Location": url_for("catalogue.KindView", name=made.name), **etag(made.updated_at)}
        return _shown(made), headers


@blueprint.route("/kinds/<kind:name>")
class KindView(MethodView):
    @public
    @blueprint.response(200, ProductKind, headers=ETAG)
    def get(self, name: str) -> Answer:
        """Returns a kind of products."""
        with transaction() as session:
            found = catalogue.get_kind(session, name)
        return _shown(found), etag(found.updated_at)

    @allowed("products:write")
    @error_codes("attribute_in_use", "stale")
    @blueprint.arguments(ProductKindChanges)
    @blueprint.response(200, ProductKind, headers=ETAG)
    def patch(self, body: dict[str, Any], name: str) -> Answer:
        """Updates a kind; `attributes` are replaced. What products on sale have must stay valid."""
        with transaction() as session:
            kind = catalogue.get_kind(session, name, lock=True)
            check_unchanged(kind.updated_at)
            catalogue.update_kind(session, kind, body)
        return _shown(kind), etag(kind.updated_at)

    @allowed("products:write")
    @error_codes("kind_in_use", "stale")
    @blueprint.response(204)
    def delete(self, name: str) -> None:
        """Deletes a kind that no product has, and its capacity in warehouses. Deleted products count, too."""
        with transaction() as session:
            kind = catalogue.get_kind(session, name, lock=True)
            check_unchanged(kind.updated_at)
            catalogue.delete_kind(session, kind)
            inventory.forget_kind(session, name)


def _shown(kind: catalogue.Kind) -> dict[str, object]:
    absent: dict[str, object] = {"minimum": None, "maximum": None, "values": []}
    attributes = [{**absent, **attribute} for attribute in kind.attributes]
    times = {"created_at": kind.created_at, "updated_at": kind.updated_at}
    return {"name": kind.name, "title": kind.title, "attributes": attributes, **times}
