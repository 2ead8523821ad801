"""Views of the second factor: codes of an authenticator app, and recovery codes."""

from flask import g
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.schemas import SignedIn
from api.accounts.second_factor_schemas import (
    FreshSignIn,
    FreshSignInBody,
    RecoveryCodes,
    SecondFactorChange,
    SecondFactorCode,
    SecondFactorSecret,
    SecondFactorSignIn,
    SecondFactorState,
)
from api.accounts.signing_in import device, tokens
from api.carts.guest_token import accepts_guest_cart, merge_guest_cart
from api.http.auth import allowed, public, signed_in
from api.http.errors import error_codes
from models import accounts
from models.accounts import Answer
from models.core.database import transaction
from models.core.errors import NotAllowed
from models.core.events import LoginThrottled


@blueprint.route("/auth/second-factor")
class SecondFactorSignInView(MethodView):
    @public
    @accepts_guest_cart
    @error_codes("invalid_challenge", "second_factor_failed", "second_factor_disabled", "too_many_requests")
    @blueprint.arguments(SecondFactorSignIn)
    @blueprint.response(200, SignedIn)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Completes a sign-in that was answered with `second_factor_required`. The challenge is valid for five minutes,
        and works once; after a wrong code it can be tried again."""
        first, answer = accounts.read_first_factor(body["challenge"]), _answer(body)
        limits = _take_attempt(first.user_id, answer)
        with transaction() as session:
            opened = accounts.give_second_factor(session, first, answer, *device())
            accounts.return_attempt(session, limits)
            return {**tokens(opened), **merge_guest_cart(session, opened.user_id)}


@blueprint.route("/me/second-factor")
class SecondFactorView(MethodView):
    @signed_in
    @blueprint.response(200, SecondFactorState)
    def get(self) -> dict[str, object]:
        """Returns whether signing in requires a second factor."""
        with transaction() as session:
            found = accounts.find_second_factor(session, g.principal.user_id)
            left = accounts.count_recovery_codes(session, g.principal.user_id)
        return {"enabled": found is not None, "enabled_at": found and found.confirmed_at, "recovery_codes_left": left}

    # No Idempotency-Key, here and below: the response would be stored, and the secret with it.
    @signed_in
    @error_codes("second_factor_enabled", "fresh_sign_in_required", "wrong_credentials", "too_many_requests")
    @blueprint.arguments(FreshSignIn)
    @blueprint.response(201, SecondFactorSecret)
    def post(self, body: FreshSignInBody) -> accounts.Enrolment:
        """Makes a secret for an authenticator app. Signing in requires its codes once one of them was confirmed."""
        require_fresh_sign_in(body.get("current_password"))
        with transaction() as session:
            return accounts.begin_enrolment(session, g.principal.user_id)


@blueprint.route("/me/second-factor/confirm")
class SecondFactorConfirmView(MethodView):
    @signed_in
    @error_codes("not_found", "second_factor_enabled", "second_factor_failed", "too_many_requests")
    @blueprint.arguments(SecondFactorCode)
    @blueprint.response(200, RecoveryCodes)
    def post(self, body: dict[str, str]) -> dict[str, list[str]]:
        """Enables the second factor. The response is the only one that contains the recovery codes."""
        limits = _take_attempt(g.principal.user_id, _answer(body))
        with transaction() as session:
            codes = accounts.confirm_enrolment(session, g.principal.user_id, g.principal.session_id, body["code"])
            accounts.return_attempt(session, limits)
        return {"recovery_codes": codes}


@blueprint.route("/me/second-factor/recovery-codes")
class RecoveryCodesView(MethodView):
    @signed_in
    @error_codes("second_factor_disabled", "second_factor_failed", "fresh_sign_in_required", "wrong_credentials")
    @error_codes("too_many_requests")
    @blueprint.arguments(SecondFactorChange)
    @blueprint.response(200, RecoveryCodes)
    def post(self, body: dict[str, str]) -> dict[str, list[str]]:
        """Replaces your recovery codes."""
        require_fresh_sign_in(body.get("current_password"))
        answer = _answer(body)
        limits = _take_attempt(g.principal.user_id, answer)
        with transaction() as session:
            codes = accounts.renew_recovery_codes(session, g.principal.user_id, answer)
            accounts.return_attempt(session, limits)
        return {"recovery_codes": codes}


@blueprint.route("/me/second-factor/disable")
class SecondFactorDisableView(MethodView):
    @signed_in
    @error_codes("second_factor_disabled", "second_factor_failed", "fresh_sign_in_required", "wrong_credentials")
    @error_codes("too_many_requests")
    @blueprint.arguments(SecondFactorChange)
    @blueprint.response(204)
    def post(self, body: dict[str, str]) -> None:
        """Disables your second factor. Your sessions no longer count as signed in with it."""
        require_fresh_sign_in(body.get("current_password"))
        answer = _answer(body)
        limits = _take_attempt(g.principal.user_id, answer)
        with transaction() as session:
            accounts.disable_second_factor(session, g.principal.user_id, answer)
            accounts.return_attempt(session, limits)


@blueprint.route('/users/<id("usr"):user_id>/second-factor')
class UserSecondFactorView(MethodView):
    @allowed("users:write")
    @error_codes("second_factor_disabled")
    @blueprint.response(204)
    def delete(self, user_id: str) -> None:
        """Removes the second factor of a user who has lost it, and ends all their sessions. Notifies them by mail.
        You must hold all permissions of the user; your own is disabled with `POST /v1/me/second-factor/disable`."""
        if user_id == g.principal.user_id:
            raise NotAllowed("Disable your own second factor with `POST /v1/me/second-factor/disable`.")
        with transaction() as session:
            accounts.reset_second_factor(session, user_id, g.principal.permissions)


def _answer(body: dict[str, str]) -> Answer:
    return Answer(body.get("code"), body.get("recovery_code"))


def _take_attempt(user_id: str, answer: Answer) -> list[accounts.Limit]:
    """Takes an attempt in a transaction of its own, so that a wrong code counts. Raises TooManyRequests."""
    limits = accounts.second_factor_limits(user_id, answer.method)
    with transaction() as session:
        accounts.take_attempt(session, limits, LoginThrottled(user_id=user_id))
    return limits
