"""Registration, login and tokens."""

from uuid import uuid4

from flask import g, request
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import check_own_password
from api.accounts.schemas import (
    Introspection,
    Login,
    Message,
    NewPassword,
    PasswordResetRequest,
    Reauthentication,
    RefreshToken,
    Registered,
    Registration,
    RegistrationBody,
    ResetPassword,
    SignedIn,
    Tokens,
)
from api.accounts.signing_in import device, tokens
from api.carts.guest_token import accepts_guest_cart, merge_guest_cart
from api.http.auth import public, signed_in
from api.http.errors import error_codes
from api.http.limits import limited
from models import accounts, carts
from models.core.database import transaction
from models.core.errors import NotSignedIn
from models.core.events import LoginThrottled
from models.notifications import find_language
from serving.accounts import Token, introspect


@blueprint.route("/auth/register")
class RegisterView(MethodView):
    @public
    @accepts_guest_cart
    @error_codes("username_taken", "username_looks_taken", "email_taken", "password_too_common")
    @blueprint.arguments(Registration)
    @blueprint.response(201, Registered)
    @limited("registrations")
    def post(self, body: RegistrationBody) -> dict[str, object]:
        """Creates an account with an address and a cart, and signs in.

        A mail asks to confirm the e-mail address; others are held until then.

        If `X-Cart-Token` names a guest cart, its items are moved into the new cart. Without `language`, it
        is the first one of `Accept-Language` that the shop writes mails in, if any.
        """
        accounts.check_password("password", body["password"], body["username"], body["email"])
        password_hash = accounts.hash_password(body["password"])
        with transaction() as session:
            accounts.take_attempt(session, accounts.mail_limits(body["email"]))
            user = accounts.register(
                session, username=body["username"], email=body["email"], password_hash=password_hash,
                first_name=body["first_name"], last_name=body["last_name"], address=body["address"],
                language=body.get("language") or find_language(list(request.accept_languages.values())),
            )  # fmt: skip
            carts.open_cart(session, user.id)
            opened = accounts.open_session(session, user.id, *device())
            merged = merge_guest_cart(session, user.id)
        return {"user": user, **tokens(opened), **merged}


@blueprint.route("/auth/login")
class LoginView(MethodView):
    @public
    @accepts_guest_cart
    @error_codes("wrong_credentials", "second_factor_required", "too_many_requests")
    @blueprint.arguments(Login)
    @blueprint.response(200, SignedIn)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Signs in with username or e-mail address. A guest cart named by `X-Cart-Token` is merged.

        With a second factor, the answer is 401 `second_factor_required`, with a `challenge` for
        `POST /v1/auth/second-factor`.
        """
        name = body.get("username") or body["email"]
        with transaction() as session:
            found = accounts.find_credentials(session, name, request.remote_addr)
            limits = accounts.login_limits(name, found.user_id, request.remote_addr, found.familiar)
            accounts.take_attempt(session, limits, LoginThrottled(user_id=found.user_id))
        if not accounts.verify_password(found.password_hash, body["password"]):
            raise accounts.wrong_credentials_error()
        with transaction() as session:
            accounts.return_attempt(session, limits)
            required = accounts.ask_for_second_factor(session, found, "password")
            if required is None:
                opened = accounts.log_in(session, found, *device())
                return {**tokens(opened), **merge_guest_cart(session, opened.user_id)}
        raise required


@blueprint.route("/auth/refresh")
class RefreshView(MethodView):
    @public
    @error_codes("invalid_token")
    @blueprint.arguments(RefreshToken)
    @blueprint.response(200, Tokens)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Exchanges a refresh token for new tokens. Each works once; reuse ends the session."""
        with transaction() as session:
            opened = accounts.rotate(session, body["refresh_token"])
        if opened is None:
            raise NotSignedIn("This refresh token is invalid, expired or already used.", code="invalid_token")
        return tokens(opened)


@blueprint.route("/auth/logout")
class LogoutView(MethodView):
    @signed_in
    @blueprint.response(204)
    def post(self) -> None:
        """Ends the session and revokes its tokens immediately."""
        with transaction() as session:
            accounts.end_session(session, g.principal.user_id, g.principal.session_id)


@blueprint.route("/auth/reauthenticate")
class ReauthenticateView(MethodView):
    @signed_in
    @error_codes("wrong_credentials", "too_many_requests")
    @blueprint.arguments(Reauthentication)
    @blueprint.response(204)
    def post(self, body: dict[str, str]) -> None:
        """Makes the session fresh for ten minutes: it may do what requires a fresh sign-in."""
        check_own_password(body["password"])
        with transaction() as session:
            accounts.refresh_sign_in(session, g.principal.session_id)


@blueprint.route("/auth/introspect")
class IntrospectView(MethodView):
    @public
    @blueprint.arguments(Token)
    @blueprint.response(200, Introspection)
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Returns whether an access token is active, and its claims (RFC 7662)."""
        return introspect(body["token"])


@blueprint.route("/auth/password")
class PasswordView(MethodView):
    @signed_in
    @error_codes("wrong_credentials", "too_many_requests", "password_too_common")
    @blueprint.arguments(NewPassword)
    @blueprint.response(204)
    def post(self, body: dict[str, str]) -> None:
        """Changes the password and ends all other sessions."""
        limits = accounts.password_limits(g.principal.user_id)
        with transaction() as session:
            current = accounts.get_credentials(session, g.principal.user_id)
            user = accounts.get(session, g.principal.user_id)
            accounts.take_attempt(session, limits, LoginThrottled(user_id=g.principal.user_id))
        if not accounts.verify_password(current.password_hash, body["current_password"]):
            raise accounts.wrong_credentials_error()
        accounts.check_password("new_password", body["new_password"], user.username, user.email)
        new_hash = accounts.hash_password(body["new_password"])
        with transaction() as session:
            accounts.return_attempt(session, limits)
            accounts.change_password(session, g.principal.user_id, new_hash, kept_session=g.principal.session_id)


@blueprint.route("/auth/password/forgot")
class ForgotPasswordView(MethodView):
    @public
    @error_codes("too_many_requests")
    @blueprint.arguments(PasswordResetRequest)
    @blueprint.response(202, Message)
    @limited("mails")
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """E-mails a password reset token if the account exists. The response does not reveal whether it does."""
        name = body.get("username") or body["email"]
        with transaction() as session:
            user_id = accounts.find_credentials(session, name).user_id
            email = accounts.find_email(session, user_id) or name
            accounts.take_attempt(session, accounts.reset_limits(name, user_id, email, request.remote_addr))
            accounts.request_reset(session, uuid4().hex, user_id)
        return {"detail": "If the account exists, a password reset e-mail has been sent to its owner."}


@blueprint.route("/auth/password/reset")
class ResetPasswordView(MethodView):
    @public
    @error_codes("second_factor_required", "password_too_common")
    @blueprint.arguments(ResetPassword)
    @blueprint.response(200, Tokens)
    @limited("mailed_tokens")
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Sets a new password with the e-mailed token, ends all sessions and signs in. Confirms the e-mail address.

        With a second factor, the new password is set, and the answer is 401 `second_factor_required`.
        """
        with transaction() as session:
            user = accounts.check_reset_token(session, body["token"])
        accounts.check_password("new_password", body["new_password"], user.username, user.email)
        new_hash = accounts.hash_password(body["new_password"])
        with transaction() as session:
            user_id = accounts.reset_password(session, body["token"], new_hash)
            changed = accounts.Credentials(user_id, new_hash)
            required = accounts.ask_for_second_factor(session, changed, "password")
            if required is None:
                return tokens(accounts.open_session(session, user_id, *device()))
        raise required
