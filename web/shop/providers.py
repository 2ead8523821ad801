"""Signing in by OpenID Connect: to the provider, and back.

A cookie binds the sign-in to the browser in which it began: nobody can sign somebody else in with a link.
"""

import hmac
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from flask import Response, request, url_for
from itsdangerous import BadData, URLSafeTimedSerializer

from api.accounts.signing_in import attempt, device
from durable import Refusal
from models import accounts
from models.accounts import OpenedSession, UserInfo
from models.core.database import transaction
from models.core.errors import NotFound, NotSignedIn
from serving import identity
from settings import settings
from web import access, cookies
from web.blueprint import shop
from web.forms import Form
from web.language import gettext, language
from web.pages import lead
from web.shop.sign_in import enter, next_value, second_factor_page, sign_in_page

COOKIE, LINK_COOKIE = "provider", "link"
RETURN = "/signed-in"


@shop.get("/sign-in/with/<role:provider>")
@access.everybody
def sign_in_with(provider: str) -> Response:
    """Leads to a provider. With `link`, an identity is to be linked to the account that is signed in."""
    chosen, page = identity.get_provider(provider), _return_page()
    if page is None:
        raise NotFound("The provider cannot return to this shop.")
    url, state = identity.start(chosen, page)
    begun = {"state": state, "provider": provider, "next": next_value(), "link": "link" in request.args}
    response = lead(url)
    cookies.write(response, COOKIE, _signer().dumps(begun), accounts.SIGN_IN_TIME)
    return response


@shop.get(RETURN)
@access.everybody
def signed_in_elsewhere() -> Response:
    """Where a provider returns its user: signs in, or says why not."""
    begun = _read(COOKIE)
    response = _arrive(begun or {})
    cookies.delete(response, COOKIE)
    return response


def _arrive(begun: dict[str, Any]) -> Response:
    form, state, wanted = Form(), request.args.get("state", ""), str(begun.get("next", ""))
    if not begun or not hmac.compare_digest(str(begun["state"]).encode(), state.encode()):
        form.refuse(NotSignedIn("It was begun in another browser.", code="invalid_challenge"))
        return sign_in_page(form, 422, wanted)
    provider = identity.get_provider(str(begun["provider"]))
    code = request.args.get("code", "")
    if not 0 < len(code) <= 2000:
        form.refusal = gettext("You have not signed in at %(provider)s.") % {"provider": provider.title}
        return sign_in_page(form, 422, wanted)
    try:
        with attempt():
            told = identity.identify(provider, code, state)
        return _link(told) if begun["link"] else _enter(told, state, wanted)
    except Refusal as error:
        form.refuse(error)
        return sign_in_page(form, 422, wanted)


def _enter(told: UserInfo, state: str, wanted: str) -> Response:
    try:
        arrival = identity.find_arrival(told)
    except Refusal as error:
        if error.code != "account_exists":
            raise
        return _remember(lead(url_for("shop.sign_in", next=url_for("shop.link_identity_page"), link=1)), told, error)
    with transaction() as session:
        opened = identity.enter(session, arrival, state, language(), *device())
    if isinstance(opened, OpenedSession):
        return enter(opened, wanted)
    return second_factor_page(opened.extra["challenge"], wanted)


def _link(told: UserInfo) -> Response:
    """Asks whether to link the identity, if it has the address of the account that is signed in."""
    principal = access.find_principal()
    try:
        arrival = identity.find_arrival(told)
    except Refusal as error:
        if error.code != "account_exists":
            raise
        return _remember(lead(url_for("shop.link_identity_page")), told, error)
    is_mine = principal is not None and arrival.owner is not None and arrival.owner.user_id == principal.user_id
    why = "identity_known" if is_mine else ("identity_taken" if arrival.owner else "identity_other_address")
    return lead(url_for("shop.identities", done=why))


def _remember(response: Response, told: UserInfo, error: Refusal) -> Response:
    link = {"token": error.extra["link_token"], "provider": told.provider, "email": told.email}
    cookies.write(response, LINK_COOKIE, _signer().dumps(link), accounts.SIGN_IN_TIME)
    return response


def read_link() -> dict[str, Any] | None:
    """The identity that is to be linked: token, provider and e-mail address; None if there is none."""
    return _read(LINK_COOKIE)


def providers() -> list[tuple[str, str]]:
    """Name and title of the providers that can return to this shop."""
    return [(one.name, one.title) for one in identity.list_providers()] if _return_page() else []


def _return_page() -> str | None:
    """The page to which providers return: that of this host, or else the first one that is ours."""
    ours = [page for page in identity.return_pages() if urlsplit(page).path == RETURN]
    here = [page for page in ours if urlsplit(page).netloc == request.host]
    return next(iter(here or ours), None)


def _read(cookie: str) -> dict[str, Any] | None:
    try:
        found = _signer().loads(cookies.read(cookie) or "", max_age=accounts.SIGN_IN_TIME)
    except BadData:
        return None
    return dict(found)


@cache
def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(settings.secret_key, salt="sign-in at a provider, web/")


shop.context_processor(lambda: {"providers": providers})
