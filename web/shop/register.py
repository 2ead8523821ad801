"""Registration, password resets, and the confirmation of e-mail addresses."""

from typing import Any
from uuid import uuid4

from flask import Response, request

from api.accounts.schemas import MailedToken, PasswordResetRequest, Registration, ResetPassword
from api.accounts.signing_in import device
from api.http.limits import count_network
from durable import Refusal
from models import accounts, carts
from models.accounts import OpenedSession
from models.core.database import transaction
from models.core.errors import NotSignedIn
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.language import language
from web.pages import render, see
from web.shop.sign_in import enter, next_value, second_factor_page

TAKEN = {
    "username_taken": "username", "username_looks_taken": "username", "email_taken": "email",
    "password_too_common": "password",
}  # fmt: skip
"""Code of a refusal → the field that it is about."""


@shop.get("/register")
@access.everybody
def register() -> Response:
    """The form to open an account."""
    return _register(Form())


@shop.post("/register")
@takes_form
@access.everybody
def send_register() -> Response:
    """Opens an account with an address, signs in, and merges the guest's basket."""
    form, body = read(Registration())
    if not form:
        return _register(form, 422)
    count_network("registrations")
    try:
        opened = _open_account(body)
    except Refusal as error:
        form.refuse(error, TAKEN)
        return _register(form, 422)
    return enter(opened)


def _open_account(body: Any) -> OpenedSession:
    accounts.check_password("password", body["password"], body["username"], body["email"])
    password_hash = accounts.hash_password(body.pop("password"))
    with transaction() as session:
        accounts.take_attempt(session, accounts.mail_limits(body["email"]))
        user = accounts.register(session, **body, password_hash=password_hash, language=language())
        carts.open_cart(session, user.id)
        return accounts.open_session(session, user.id, *device())


@shop.get("/forgot-password")
@access.everybody
def forgot_password() -> Response:
    """The form that asks for a mail with which the password is changed."""
    return render("account/forgot_password.html", form=Form(), sent="sent" in request.args)


@shop.post("/forgot-password")
@takes_form
@access.everybody
def send_forgot_password() -> Response:
    """Mails a code, if the account exists; the page does not reveal whether it does."""
    form, body = read(PasswordResetRequest())
    if not form:
        return render("account/forgot_password.html", 422, form=form)
    count_network("mails")
    name = body["username"]
    with transaction() as session:
        user_id = accounts.find_credentials(session, name).user_id
        email = accounts.find_email(session, user_id) or name
        accounts.take_attempt(session, accounts.reset_limits(name, user_id, email, request.remote_addr))
        accounts.request_reset(session, uuid4().hex, user_id)
    return see("shop.forgot_password", sent=1)


@shop.get("/password")
@access.everybody
def reset_password() -> Response:
    """The form behind the link of the mail. The code is after the # of the link; a script puts it into the form."""
    return render("account/reset_password.html", form=Form())


@shop.post("/password")
@takes_form
@access.everybody
def send_reset_password() -> Response:
    """Sets a new password with the mailed code, ends all sessions and signs in."""
    form, body = read(ResetPassword())
    if form:
        count_network("mailed_tokens")
        try:
            return enter(_reset(body["token"], body["new_password"]))
        except Refusal as error:
            if error.code == "second_factor_required":
                return second_factor_page(error.extra["challenge"])
            form.refuse(error, {"invalid_reset_token": "token", "password_too_common": "new_password"})
    return render("account/reset_password.html", 422, form=form)


def _reset(token: str, password: str) -> OpenedSession:
    with transaction() as session:
        user = accounts.check_reset_token(session, token)
    accounts.check_password("new_password", password, user.username, user.email)
    new_hash = accounts.hash_password(password)
    with transaction() as session:
        user_id = accounts.reset_password(session, token, new_hash)
        changed = accounts.Credentials(user_id, new_hash)
        required: NotSignedIn | None = accounts.ask_for_second_factor(session, changed, "password")
        if required is None:
            return accounts.open_session(session, user_id, *device())
    raise required


@shop.get("/email/confirm")
@access.everybody
def confirm_email() -> Response:
    """The form behind the link of the mail that confirms an address."""
    return render("account/confirm_email.html", form=Form(), confirmed="confirmed" in request.args)


@shop.post("/email/confirm")
@takes_form
@access.everybody
def send_confirm_email() -> Response:
    """Confirms the e-mail address to which the code was mailed."""
    form, body = read(MailedToken())
    if form:
        count_network("mailed_tokens")
        try:
            with transaction() as session:
                accounts.confirm_by_token(session, body["token"])
            return see("shop.confirm_email", confirmed=1)
        except Refusal as error:
            form.refuse(error, {"invalid_token": "token", "not_found": "token"})
    return render("account/confirm_email.html", 422, form=form, confirmed=False)


def _register(form: Form, status: int = 200) -> Response:
    return render("account/register.html", status, form=form, next=next_value())
