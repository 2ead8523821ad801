"""The basket of customers and guests."""

from typing import Any

from flask import Response, request
from marshmallow import Schema, fields, validate

from durable import Refusal
from models import carts
from models.core.database import single_statements, transaction
from models.core.errors import NotFound, NotSignedIn
from serving.carts import MAX_QUANTITY
from settings import settings
from web import access
from web import basket as holding
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.language import gettext, ngettext
from web.pages import render, see
from web.shop.listing import read_shown

NOTHING = carts.View([], 0, settings.currency)


class Units(Schema):
    quantity = fields.Integer(load_default=1, validate=validate.Range(0, MAX_QUANTITY))


@shop.get("/basket")
@access.everybody
def basket() -> Response:
    """The basket with present prices and availability, and what has changed since it was last shown."""
    return _basket(Form())


@shop.post('/basket/<id("prd"):product_id>')
@takes_form
@access.everybody
def add_to_basket(product_id: str) -> Response:
    """Adds units of a product."""
    form, units = _read()
    if form and units["quantity"]:
        try:
            with single_statements() as connection:
                carts.add(connection, holding.open_holder(), product_id, units["quantity"])
        except NotFound:
            raise
        except Refusal as error:
            _refuse(form, error)
    return holding.remember(see("shop.basket", added=product_id) if form else _basket(form, 422))


@shop.post('/basket/<id("prd"):product_id>/quantity')
@takes_form
@access.everybody
def change_quantity(product_id: str) -> Response:
    """Sets the units of a product; 0 removes it."""
    form, units = _read()
    if form:
        quantity = 0 if "remove" in request.form else units["quantity"]
        try:
            _set_quantity(product_id, quantity)
        except (NotFound, NotSignedIn):
            pass  # it was removed in another tab: the basket shows it
        except Refusal as error:
            _refuse(form, error)
    return see("shop.basket") if form else _basket(form, 422)


def _read() -> tuple[Form, Any]:
    form, units = read(Units())
    if form.errors:  # said above the basket: the field may be that of another page
        form.refusal = gettext("The quantity must be a whole number, from 0 to a million.")
    return form, units


def _refuse(form: Form, error: Refusal) -> None:
    form.refuse(error)
    if left := error.extra.get("available"):
        form.refusal += " " + ngettext("Only %(num)s is left.", "Only %(num)s are left.", left) % {"num": left}


def _set_quantity(product_id: str, quantity: int) -> None:
    with transaction() as session:
        holder = holding.find_holder(session)
        if holder is None:
            raise NotFound("There is no basket.")
        if quantity:
            carts.set_quantity(session, holder, product_id, quantity)
        else:
            carts.remove(session, holder, product_id)


def _basket(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        holder = holding.find_holder(session)
        seen = carts.view_with_changes(session, holder) if holder else NOTHING
    names = {line.product_id: line.name for line in seen.items}
    is_complete = all(line.available >= line.quantity for line in seen.items)
    return render("shop/basket.html", status, basket=seen, names=names, form=form, is_complete=is_complete,
                  most=MAX_QUANTITY, products=read_shown(names))  # fmt: skip
