"""The password."""

from flask import Response, g, request

from api.accounts.fresh_sign_in import check_own_password
from api.accounts.schemas import NewPassword
from durable import Refusal
from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import render, see


@shop.get("/account/password")
@access.signed_in
def password() -> Response:
    """The form to change the password."""
    return render("account/password.html", form=Form(), saved="saved" in request.args)


@shop.post("/account/password")
@takes_form
@access.signed_in
def change_password() -> Response:
    """Changes the password and ends all other sessions."""
    form, body = read(NewPassword())
    if form:
        try:
            _change_password(body)
            return see("shop.password", saved=1)
        except Refusal as error:
            form.refuse(error, {"wrong_credentials": "current_password", "password_too_common": "new_password"})
    return render("account/password.html", 422, form=form)


def _change_password(body: dict[str, str]) -> None:
    check_own_password(body["current_password"])
    user_id = g.principal.user_id
    with transaction() as session:
        user = accounts.get(session, user_id)
    accounts.check_password("new_password", body["new_password"], user.username, user.email)
    new_hash = accounts.hash_password(body["new_password"])
    with transaction() as session:
        accounts.change_password(session, user_id, new_hash, kept_session=g.principal.session_id)
