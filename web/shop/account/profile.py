"""The profile: name, username, and the language of mails."""

from flask import Response, g, request

from api.accounts.schemas import ProfileChanges
from durable import Refusal
from models import accounts, notifications
from models.core.database import transaction
from web import access
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.pages import render, see


@shop.get("/account")
@access.signed_in
def account() -> Response:
    """The profile."""
    return _profile(Form())


@shop.post("/account")
@takes_form
@access.signed_in
def change_profile() -> Response:
    """Changes name, username and the language of mails."""
    form, body = read(ProfileChanges(only=("first_name", "last_name", "username", "language"), partial=("language",)))
    if form:
        try:
            with transaction() as session:
                accounts.update_profile(session, g.principal.user_id, body)
        except Refusal as error:
            form.refuse(error, {"username_taken": "username", "username_looks_taken": "username"})
    return see("shop.account", saved=1) if form else _profile(form, 422)


def _profile(form: Form, status: int = 200) -> Response:
    with transaction() as session:
        user = accounts.get(session, g.principal.user_id)
        pending = accounts.find_pending_email(session, user.id)
    return render(
        "account/profile.html",
        status,
        form=form,
        user=user,
        pending=pending,
        saved="saved" in request.args,
        mails_in=notifications.choose_language(user.language),
    )
