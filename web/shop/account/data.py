"""The data that the shop keeps: a copy of them, and closing the account."""

from flask import Response, g

from api.accounts.fresh_sign_in import check_own_password
from api.accounts.personal_data import export
from api.accounts.schemas import NewPassword
from durable import Refusal
from models import accounts
from models.core.database import transaction
from serving.fields import Schema
from web import access, cookies
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import lead, render


@shop.get("/account/data")
@access.signed_in
def data() -> Response:
    """The data that the shop keeps: a copy of them, and how to close the account."""
    return render("account/data.html", form=Form())


@shop.get("/account/data/copy")
@access.signed_in
def data_copy() -> Response:
    """Everything that the shop holds about the customer, as a JSON file. Requires a fresh sign-in."""
    return export()


class Closing(Schema):
    """The form that closes the account."""

    current_password = NewPassword().fields["current_password"]


@shop.post("/account/close")
@takes_form
@access.signed_in
def close_account() -> Response:
    """Closes the account and erases personal data. Requires the password."""
    form, body = read(Closing())
    if form:
        try:
            check_own_password(body["current_password"])
            with transaction() as session:
                accounts.close(session, g.principal.user_id)
        except Refusal as error:
            form.refuse(error, {"wrong_credentials": "current_password"})
    if not form:
        return render("account/data.html", 422, form=form)
    response = lead("/")
    cookies.delete(response, access.COOKIE)
    return response
