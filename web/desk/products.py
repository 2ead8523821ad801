"""Products: the list, and creating, editing and deleting one."""

import json
from typing import Any

from babel.numbers import get_currency_precision
from flask import Response, url_for
from sqlalchemy.orm import Session

from api.catalogue.schemas import NewProduct, ProductChanges, product_fields
from models import catalogue
from models.core.database import transaction
from models.core.errors import Invalid
from serving.catalogue import ProductQuery, parse_query, read_page
from settings import settings
from web import access
from web.blueprint import desk, takes_form
from web.desk.filters import read_filters
from web.desk.pages import show
from web.desk.payments import minor_units
from web.desk.sending import Outcome, load, read_outcome, send, text
from web.desk.versions import check_version, version_of
from web.language import gettext
from web.language import translatable as _

PAGES = (
    ("desk.product_page", _("Product"), "products:write"),
    ("desk.pictures_page", _("Pictures"), "products:write"),
    ("desk.product_stock", _("Stock"), "stock:read"),
)
"""The pages of a product: endpoint, name, and the permission that shows it."""
PRODUCT = '/products/<id("prd"):product_id>'


@desk.get("/products")
@access.allowed("products:write")
def products_page() -> Response:
    """The list of products on sale, newest first, or the best matches first."""
    filters = read_filters(ProductQuery(), "q", "kind", "in_stock", "category")
    found: list[Any] = []
    cursor = None
    if filters.values is not None:
        answer = read_page(parse_query({**filters.values, **filters.place}))
        found, cursor = [json.loads(product) for product in answer.products], answer.next_cursor
    with transaction() as session:
        kinds = sorted(catalogue.kind_names(session))
    return show("products.html", section="desk.products_page", products=found, cursor=cursor, filters=filters,
                kinds=kinds, outcome=read_outcome())  # fmt: skip


@desk.get("/products/new")
@access.allowed("products:write")
def new_product() -> Response:
    """The form for a new product."""
    return _show_new(Outcome())


@desk.post("/products/new")
@takes_form
@access.allowed("products:write")
def create_product() -> Response:
    """Creates a product; a category or an author that is named is created if missing."""

    def work(session: Session) -> str:
        body: Any = load(NewProduct(), kind=text("kind"), **_fields({}))
        made = catalogue.create_product(session, product_fields(body))
        return url_for("desk.product_page", product_id=made.id, done="created")

    return send(work, _show_new)


@desk.get(PRODUCT)
@access.allowed("products:write")
def product_page(product_id: str) -> Response:
    """The form of a product."""
    return _show_product(product_id, read_outcome())


@desk.post(PRODUCT)
@takes_form
@access.allowed("products:write")
def save_product(product_id: str) -> Response:
    """Saves a product, unless somebody else has changed it since the page was opened."""

    def work(session: Session) -> str:
        product = catalogue.get_product(session, product_id, lock=True)
        check_version(product.updated_at)
        body: Any = load(ProductChanges(), **_fields(product.attributes))
        body.setdefault("description", "")
        catalogue.update_product(session, product, product_fields(body))
        return url_for("desk.product_page", product_id=product_id, done="saved")

    return send(work, lambda outcome, status: _show_product(product_id, outcome, status))


@desk.post(f"{PRODUCT}/delete")
@takes_form
@access.allowed("products:write")
def delete_product(product_id: str) -> Response:
    """Deletes a product. Orders keep it."""

    def work(session: Session) -> str:
        product = catalogue.get_product(session, product_id, lock=True)
        check_version(product.updated_at)
        catalogue.delete_product(session, product)
        return url_for("desk.products_page", done="deleted")

    return send(work, lambda outcome, status: _show_product(product_id, outcome, status))


def _fields(attributes: dict[str, Any]) -> dict[str, Any]:
    """The fields of the form as the API takes them. Attributes that the form no longer has are removed."""
    amount = minor_units(text("price"), settings.currency)
    price = {"amount": amount, "currency": settings.currency} if amount is not None else None
    given = _read_attributes(text("attributes"))
    removed = {name: None for name in attributes if name not in given}
    description = text("description").replace("\r\n", "\n")
    return {
        "sku": text("sku"), "title": text("title"), "description": description, "category": text("category"),
        "author": text("author"), "price": price, "attributes": {**removed, **given},
    }  # fmt: skip


def _read_attributes(shown: str) -> dict[str, Any]:
    """`pages: 480`, one a line; a value that is JSON counts as such. Raises Invalid."""
    found: dict[str, Any] = {}
    for line in filter(None, map(str.strip, shown.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not name:
            raise Invalid(gettext("Write each attribute as “name: value”, one a line."))
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _write_attributes(attributes: dict[str, Any]) -> str:
    lines = (f"{name}: {_write(value)}" for name, value in sorted(attributes.items()))
    return "\n".join(lines)


def _write(value: Any) -> str:
    """A text as it is, unless it would be read as something else."""
    if isinstance(value, str) and "\n" not in value:
        try:
            json.loads(value)
        except ValueError:
            return value
    return json.dumps(value, ensure_ascii=False)


def _show_new(outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        kinds = sorted(catalogue.kind_names(session))
    return show("product.html", status, section="desk.products_page", product=None, outcome=outcome, kinds=kinds,
                shown={}, version="", currency=settings.currency)  # fmt: skip


def _show_product(product_id: str, outcome: Outcome, status: int = 200) -> Response:
    with transaction() as session:
        product = catalogue.get_product(session, product_id)
        author, category = product.author, product.category
        shown = {
            "sku": product.sku, "title": product.title, "description": product.description,
            "category": category.name if category else "", "author": author.name if author else "",
            "price": _as_written(product.price_amount, product.currency),
            "attributes": _write_attributes(product.attributes),
        }  # fmt: skip
    return show("product.html", status, section="desk.products_page", product=product, outcome=outcome, kinds=[],
                shown=shown, version=version_of(product.updated_at), currency=product.currency)  # fmt: skip


def _as_written(amount: int, currency: str) -> str:
    places = get_currency_precision(currency)
    return f"{amount / 10**places:.{places}f}"


desk.context_processor(lambda: {"product_pages": PAGES})
