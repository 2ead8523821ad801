"""Views of passkeys (WebAuthn)."""

from typing import Any

from flask import g
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.passkey_schemas import (
    NewPasskey,
    NewPasskeyBody,
    Passkey,
    PasskeyName,
    PasskeyOptions,
    PasskeySignIn,
    PasskeySignInBody,
)
from api.accounts.schemas import SignedIn
from api.accounts.second_factor_schemas import FreshSignIn, FreshSignInBody
from api.accounts.signing_in import attempt, device, tokens
from api.carts.guest_token import accepts_guest_cart, merge_guest_cart
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import accounts
from models.core.database import transaction


@blueprint.route("/auth/passkeys/options")
class PasskeySignInOptionsView(MethodView):
    @public
    @error_codes("passkeys_unavailable")
    @blueprint.response(200, PasskeyOptions)
    def post(self) -> dict[str, Any]:
        """Returns the options with which a browser asks for a passkey. They are valid for five minutes, once."""
        return {"public_key": accounts.make_sign_in_options()}


@blueprint.route("/auth/passkeys")
class PasskeySignInView(MethodView):
    @public
    @accepts_guest_cart
    @error_codes("invalid_challenge", "passkey_refused", "passkeys_unavailable", "too_many_requests")
    @blueprint.arguments(PasskeySignIn)
    @blueprint.response(200, SignedIn)
    def post(self, body: PasskeySignInBody) -> dict[str, object]:
        """Signs in with a passkey, without a username. It counts as two factors: no code is asked for."""
        with attempt(), transaction() as session:
            opened = accounts.sign_in_with_passkey(session, body["credential"], *device())
            return {**tokens(opened), **merge_guest_cart(session, opened.user_id)}


@blueprint.route("/me/passkeys/options")
class PasskeyOptionsView(MethodView):
    @signed_in
    @error_codes("fresh_sign_in_required", "wrong_credentials", "too_many_requests")
    @error_codes("too_many_passkeys", "passkeys_unavailable")
    @blueprint.arguments(FreshSignIn)
    @blueprint.response(200, PasskeyOptions)
    def post(self, body: FreshSignInBody) -> dict[str, Any]:
        """Returns the options with which a browser makes a passkey. They are valid for five minutes, once, in this
        session."""
        require_fresh_sign_in(body.get("current_password"))
        with transaction() as session:
            made = accounts.make_registration_options(session, g.principal.user_id, g.principal.session_id)
        return {"public_key": made}


@blueprint.route("/me/passkeys")
class PasskeysView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Passkey))
    def get(self, query: PageArgs) -> Page:
        """Returns your passkeys, oldest first."""
        with transaction() as session:
            return page(session, accounts.list_passkeys(g.principal.user_id), accounts.Passkey.id, **query)

    # No Idempotency-Key: a second request with the same credential is refused, because its challenge is spent.
    @signed_in
    @error_codes("invalid_challenge", "passkey_invalid", "too_many_passkeys", "passkey_known", "passkeys_unavailable")
    @blueprint.arguments(NewPasskey)
    @blueprint.response(201, Passkey)
    def post(self, body: NewPasskeyBody) -> accounts.Passkey:
        """Adds a passkey that a browser has made with the options of `POST /v1/me/passkeys/options`."""
        who = g.principal
        with transaction() as session:
            return accounts.add_passkey(session, who.user_id, who.session_id, body["name"], body["credential"])


@blueprint.route('/me/passkeys/<id("pky"):passkey_id>')
class PasskeyView(MethodView):
    @signed_in
    @blueprint.response(200, Passkey)
    def get(self, passkey_id: str) -> accounts.Passkey:
        """Returns a passkey."""
        with transaction() as session:
            return accounts.get_passkey(session, g.principal.user_id, passkey_id)

    @signed_in
    @blueprint.arguments(PasskeyName)
    @blueprint.response(200, Passkey)
    def patch(self, body: dict[str, str], passkey_id: str) -> accounts.Passkey:
        """Renames a passkey."""
        with transaction() as session:
            found = accounts.get_passkey(session, g.principal.user_id, passkey_id)
            found.name = body["name"]
        return found

    @signed_in
    @error_codes("fresh_sign_in_required")
    @blueprint.response(204)
    def delete(self, passkey_id: str) -> None:
        """Deletes a passkey. Requires a sign-in of the last ten minutes."""
        require_fresh_sign_in(None)
        with transaction() as session:
            accounts.delete_passkey(session, g.principal.user_id, passkey_id)
