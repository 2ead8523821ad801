"""The addresses."""

from typing import Any

from flask import Response, g, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.accounts.schemas import AddressInput
from durable import Refusal
from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import render, see


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
    if form:
        try:
            with transaction() as session:
                accounts.add_address(session, g.principal.user_id, body)
        except Refusal as error:
            form.refuse(error)
    return see("shop.addresses") if form else _addresses(form, 422)


@shop.post('/account/addresses/<id("adr"):address_id>')
@takes_form
@access.signed_in
def change_address(address_id: str) -> Response:
    """Makes an address the default, or deletes it."""
    with transaction() as session:
        if "delete" in request.form:
            accounts.delete_address(session, g.principal.user_id, address_id)
        else:
            accounts.update_address(session, g.principal.user_id, address_id, {"is_default": True})
    return see("shop.addresses")


def _addresses(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = _list_addresses(session)
    return render("account/addresses.html", status, form=form, addresses=found)


def _list_addresses(session: Session) -> list[Any]:
    own = select(accounts.Address).where(accounts.Address.user_id == g.principal.user_id)
    return list(session.scalars(own.order_by(accounts.Address.is_default.desc(), accounts.Address.id)))
