"""Identities at providers of OpenID Connect: list, link and unlink them."""

from flask import Response, g

from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.second_factor_schemas import FreshSignIn
from durable import Refusal
from models import accounts
from models.core.database import transaction
from serving import identity
from web import access, cookies
from web.blueprint import shop, takes_form
from web.forms import Form, read
from web.language import gettext
from web.pages import see
from web.shop.account.acting import show
from web.shop.providers import LINK_COOKIE, read_link


@shop.get("/account/identities")
@access.signed_in
def identities() -> Response:
    """The identities with which the customer can sign in, and the providers of others."""
    own = accounts.list_identities(g.principal.user_id).order_by(accounts.Identity.id)
    with transaction() as session:
        found = session.scalars(own).all()
    return show("identities.html", identities=found, titles=_titles(), linked={one.provider for one in found})


@shop.get("/account/identities/link")
@access.signed_in
def link_identity_page() -> Response:
    """Asks whether to link the identity with which somebody has just signed in at a provider."""
    return _link(Form())


@shop.post("/account/identities/link")
@takes_form
@access.signed_in
def link_identity() -> Response:
    """Links that identity. Requires a fresh sign-in, or the password."""
    form, body = read(FreshSignIn())
    link = read_link()
    if link is None or not form:
        return _link(form, 422)
    try:
        require_fresh_sign_in(body.get("current_password"))
        with transaction() as session:
            accounts.link_identity(session, g.principal.user_id, link["token"])
    except Refusal as error:
        form.refuse(error, {"wrong_credentials": "current_password"})
        if error.code == "invalid_challenge":
            form.refusal = gettext("The sign-in took too long, or the address is that of another account.")
        return _link(form, 422)
    response = see("shop.identities", done="identity_linked")
    cookies.delete(response, LINK_COOKIE)
    return response


@shop.post('/account/identities/<id("idn"):identity_id>/unlink')
@takes_form
@access.signed_in
def unlink_identity(identity_id: str) -> Response:
    """Unlinks an identity. Requires a fresh sign-in."""
    require_fresh_sign_in(None)
    with transaction() as session:
        accounts.unlink_identity(session, g.principal.user_id, identity_id)
    return see("shop.identities", done="identity_unlinked")


def _link(form: Form, status: int = 200) -> Response:
    link = read_link()
    if link is None:
        return see("shop.identities")
    title = _titles().get(link["provider"], link["provider"])
    return show("link_identity.html", form, status, title=title, email=link["email"])


def _titles() -> dict[str, str]:
    return {one.name: one.title for one in identity.list_providers()}
