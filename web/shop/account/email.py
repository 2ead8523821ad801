"""The e-mail address: another one, which counts once it is confirmed, and the way back to the old one."""

import secrets

from flask import Response, g, request, url_for
from sqlalchemy.orm import Session

from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.schemas import MailedToken, ProfileChanges
from api.http.limits import count_network
from durable import Refusal
from models import accounts
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import render, see
from web.shop.account.acting import act, show


@shop.get("/account/email")
@access.signed_in
def email() -> Response:
    """The address, the one that is not confirmed yet, and the form for another."""
    return _email(Form())


@shop.post("/account/email")
@takes_form
@access.signed_in
def change_email() -> Response:
    """Mails a link to the new address, which confirms it. Requires a fresh sign-in, or the password."""
    form, body = read(ProfileChanges(only=("email", "current_password")))
    if not form:
        return _email(form, 422)
    user_id, wanted = g.principal.user_id, body["email"]

    def work(session: Session) -> str:
        if wanted == accounts.get(session, user_id).email:
            accounts.cancel_email_change(session, user_id)
            return url_for("shop.email", done="email_kept")
        accounts.take_attempt(session, accounts.email_limits(user_id, wanted))
        accounts.request_email_change(session, user_id, wanted)
        return url_for("shop.email", done="email_asked")

    try:
        require_fresh_sign_in(body.get("current_password"))
    except Refusal as error:
        form.refuse(error, {"wrong_credentials": "current_password"})
        return _email(form, 422)
    count_network("mails")
    return act(work, form, _email)


@shop.post("/account/email/cancel")
@takes_form
@access.signed_in
def cancel_email_change() -> Response:
    """Deletes the address that is not confirmed yet."""
    with transaction() as session:
        accounts.cancel_email_change(session, g.principal.user_id)
    return see("shop.email", done="email_kept")


@shop.post("/account/email/confirmation")
@takes_form
@access.signed_in
def send_confirmation() -> Response:
    """Mails another link that confirms the present address, unless it is confirmed."""
    count_network("mails")

    def work(session: Session) -> str:
        user = accounts.get(session, g.principal.user_id)
        accounts.take_attempt(session, accounts.confirmation_limits(user.id, user.email))
        accounts.request_confirmation(session, user.id)
        return url_for("shop.email", done="confirmation_sent")

    return act(work, Form(), _email)


@shop.get("/email/restore")
@access.everybody
def restore_email() -> Response:
    """The form behind the link that is mailed to the old address. A script puts its code into the form."""
    return render("account/restore_email.html", form=Form(), restored="restored" in request.args)


@shop.post("/email/restore")
@takes_form
@access.everybody
def send_restore_email() -> Response:
    """Gives the account its old address back, and takes it from whoever changed it."""
    form, body = read(MailedToken())
    if form:
        count_network("mailed_tokens")
        try:
            _restore(body["token"])
            return see("shop.restore_email", restored=1)
        except Refusal as error:
            form.refuse(error, {"email_taken": "token"})
    return render("account/restore_email.html", 422, form=form, restored=False)


def _restore(token: str) -> None:
    with transaction() as session:
        accounts.check_restore_token(session, token)
    unknown = accounts.hash_password(secrets.token_urlsafe(32))
    with transaction() as session:
        accounts.restore_email(session, token, unknown)


def _email(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        user = accounts.get(session, g.principal.user_id)
        pending = accounts.find_pending_email(session, user.id)
    return show("email.html", form, status, user=user, pending=pending)
