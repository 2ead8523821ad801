"""The addresses: add, edit, delete, and choose the default."""

from typing import Any

from flask import Response, g, url_for
from sqlalchemy.orm import Session

from api.accounts.schemas import AddressInput
from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.desk.versions import check_version, version_of
from web.forms import Form, read
from web.pages import see
from web.shop.account.acting import act, show

ADDRESS = '/account/addresses/<id("adr"):address_id>'
FIELDS = ("line1", "line2", "postal_code", "city", "country")
OPTIONAL = {"line2": None, "postal_code": None}


@shop.get("/account/addresses")
@access.signed_in
def addresses() -> Response:
    """The customer's addresses."""
    return _addresses(Form())


@shop.post("/account/addresses")
@takes_form
@access.signed_in
def add_address() -> Response:
    """Adds an address."""
    form, body = read(AddressInput(exclude=("default",)))
    if not form:
        return _addresses(form, 422)

    def work(session: Session) -> str:
        accounts.add_address(session, g.principal.user_id, body)
        return url_for("shop.addresses", done="address_added")

    return act(work, form, _addresses)


@shop.get(ADDRESS)
@access.signed_in
def address(address_id: str) -> Response:
    """The form to edit an address."""
    return _address(address_id, Form())


@shop.post(ADDRESS)
@takes_form
@access.signed_in
def change_address(address_id: str) -> Response:
    """Changes an address, unless it was changed since the page was opened."""

    def refused(form: Form, status: int) -> Response:
        return _address(address_id, form, status)

    form, body = read(AddressInput(exclude=("default",)))
    if not form:
        return refused(form, 422)

    def work(session: Session) -> str:
        user_id = g.principal.user_id
        found = accounts.update_address(session, user_id, address_id, {})  # locks the user's addresses
        check_version(*_values(found))
        accounts.update_address(session, user_id, address_id, {**OPTIONAL, **body})
        return url_for("shop.addresses", done="address_saved")

    return act(work, form, refused)


@shop.post(f"{ADDRESS}/default")
@takes_form
@access.signed_in
def choose_address(address_id: str) -> Response:
    """Makes an address the default."""
    with transaction() as session:
        accounts.update_address(session, g.principal.user_id, address_id, {"is_default": True})
    return see("shop.addresses", done="address_chosen")


@shop.post(f"{ADDRESS}/delete")
@takes_form
@access.signed_in
def delete_address(address_id: str) -> Response:
    """Deletes an address."""
    with transaction() as session:
        accounts.delete_address(session, g.principal.user_id, address_id)
    return see("shop.addresses", done="address_deleted")


def _addresses(form: Form, status: int = 200) -> Response:
    own = accounts.list_addresses(g.principal.user_id)
    with transaction() as session:
        found = session.scalars(own.order_by(accounts.Address.is_default.desc(), accounts.Address.id)).all()
    return show("addresses.html", form, status, addresses=found)


def _address(address_id: str, form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = accounts.get_address(session, g.principal.user_id, address_id)
    return show("address.html", form, status, address=found, version=version_of(*_values(found)))


def _values(found: accounts.Address) -> list[Any]:
    return [getattr(found, name) for name in FIELDS]
