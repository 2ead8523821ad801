"""Passkeys: list, add, rename and delete them, and sign in with one."""

import json
from typing import Any

from flask import Response, g, request
from marshmallow import Schema, ValidationError

from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.passkey_schemas import NewCredential, PasskeyName, UsedCredential
from api.accounts.signing_in import attempt, device
from durable import Refusal
from models import accounts
from models.core.database import transaction
from models.core.errors import Invalid
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.language import gettext
from web.pages import see
from web.shop.account.acting import show
from web.shop.sign_in import enter, sign_in_page

PASSKEY = '/account/passkeys/<id("pky"):passkey_id>'


@shop.get("/account/passkeys")
@access.signed_in
def passkeys() -> Response:
    """The customer's passkeys."""
    return _passkeys(Form())


@shop.get("/account/passkeys/new")
@access.signed_in
def new_passkey() -> Response:
    """The form that adds a passkey, with what the browser needs to make one. Requires a fresh sign-in."""
    return _new_passkey(Form())


@shop.post("/account/passkeys/new")
@takes_form
@access.signed_in
def add_passkey() -> Response:
    """Adds the passkey that the browser has made."""
    form, body = read(PasskeyName())
    if form:
        try:
            credential = _credential(NewCredential())
            with transaction() as session:
                accounts.add_passkey(
                    session, g.principal.user_id, g.principal.session_id, body["name"], credential
                )  # fmt: skip
            return see("shop.passkeys", done="passkey_added")
        except Refusal as error:
            error.extra.pop("errors", None)  # of members of the credential, which are no fields of the form
            form.refuse(error)
    return _new_passkey(form, 422)


@shop.post(PASSKEY)
@takes_form
@access.signed_in
def rename_passkey(passkey_id: str) -> Response:
    """Renames a passkey."""
    form, body = read(PasskeyName())
    if not form:
        form.refusal = gettext("Give the passkey a name.")
        return _passkeys(form, 422)
    with transaction() as session:
        accounts.get_passkey(session, g.principal.user_id, passkey_id).name = body["name"]
    return see("shop.passkeys", done="passkey_renamed")


@shop.post(f"{PASSKEY}/delete")
@takes_form
@access.signed_in
def delete_passkey(passkey_id: str) -> Response:
    """Deletes a passkey. Requires a fresh sign-in."""
    require_fresh_sign_in(None)
    with transaction() as session:
        accounts.delete_passkey(session, g.principal.user_id, passkey_id)
    return see("shop.passkeys", done="passkey_deleted")


@shop.post("/sign-in/passkey")
@takes_form
@access.everybody
def send_passkey() -> Response:
    """Signs in with a passkey that the browser has used. It counts as two factors: no code is asked for."""
    form = Form()
    try:
        credential = _credential(UsedCredential())
        with attempt(), transaction() as session:
            opened = accounts.sign_in_with_passkey(session, credential, *device())
    except Refusal as error:
        error.extra.pop("errors", None)
        form.refuse(error)
        return sign_in_page(form, 422)
    return enter(opened)


def _credential(schema: Schema) -> Any:
    """What a script has put into the form. Raises Invalid."""
    try:
        return schema.load(json.loads(request.form.get("credential", "")))
    except (ValueError, RecursionError, ValidationError):
        raise Invalid("The browser has sent no passkey.", code="passkey_invalid") from None


def _passkeys(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        found = session.scalars(accounts.list_passkeys(g.principal.user_id).order_by(accounts.Passkey.id)).all()
    return show("passkeys.html", form, status, passkeys=found)


def _new_passkey(form: Form, status: int = 200) -> Response:
    require_fresh_sign_in(None)
    with transaction() as session:
        options = accounts.make_registration_options(session, g.principal.user_id, g.principal.session_id)
    return show("new_passkey.html", form, status, options=json.dumps(options))
