"""Views of a user's own profile, preferences, addresses and sessions."""

from flask import g
from flask.views import MethodView
from sqlalchemy.orm import Session as DatabaseSession

from api.accounts.blueprint import blueprint
from api.accounts.fresh_sign_in import require_fresh_sign_in
from api.accounts.schemas import (
    AddressChanges,
    AddressInput,
    Preferences,
    Profile,
    ProfileChanges,
    SavedAddress,
    Session,
)
from api.accounts.second_factor_schemas import FreshSignIn, FreshSignInBody
from api.http.auth import signed_in
from api.http.errors import error_codes
from api.http.idempotency import idempotent
from api.http.limits import count_network
from api.http.pagination import Page, PageArgs, PageQuery, page, page_of
from models import accounts
from models.core.database import transaction


@blueprint.route("/me")
class MeView(MethodView):
    @signed_in
    @blueprint.response(200, Profile)
    def get(self) -> dict[str, object]:
        """Returns your profile, with roles and permissions."""
        with transaction() as session:
            return _profile(session, accounts.get(session, g.principal.user_id))

    @signed_in
    @error_codes("username_taken", "username_looks_taken", "fresh_sign_in_required", "wrong_credentials")
    @error_codes("too_many_requests")
    @blueprint.arguments(ProfileChanges(partial=True))
    @blueprint.response(200, Profile)
    def patch(self, body: dict[str, str | None]) -> dict[str, object]:
        """Updates your profile. Omitted fields keep their values.

        Another e-mail address requires a sign-in of the last ten minutes, or `current_password`. It is `pending_email`
        until the token that is mailed to it is sent to `POST /v1/auth/email/confirm`. The present address is notified
        if it is confirmed. The present address as `email` cancels the change.
        """
        password, email = body.pop("current_password", None), body.pop("email", None)
        with transaction() as session:
            is_other = email is not None and email != accounts.get(session, g.principal.user_id).email
        if password is not None or is_other:
            require_fresh_sign_in(password)
        if is_other:
            count_network("mails")
        with transaction() as session:
            user = accounts.update_profile(session, g.principal.user_id, body)
            if email is not None and is_other:
                accounts.take_attempt(session, accounts.email_limits(user.id, email))
                accounts.request_email_change(session, user.id, email)
            elif email is not None:
                accounts.cancel_email_change(session, user.id)
            return _profile(session, user)

    @signed_in
    @error_codes("tasks_under_way", "last_admin", "fresh_sign_in_required", "wrong_credentials", "too_many_requests")
    @blueprint.arguments(FreshSignIn, required=False)
    @blueprint.response(204)
    def delete(self, body: FreshSignInBody) -> None:
        """Closes your account and erases personal data. Orders, invoices and payments are kept.

        Requires a sign-in of the last ten minutes, or `current_password`; the body can be omitted.
        """
        require_fresh_sign_in(body.get("current_password"))
        with transaction() as session:
            accounts.close(session, g.principal.user_id)


@blueprint.route("/me/preferences")
class PreferencesView(MethodView):
    @signed_in
    @blueprint.response(200, Preferences)
    def get(self) -> dict[str, dict[str, bool]]:
        """Returns your notification preferences by kind and channel."""
        with transaction() as session:
            return accounts.preferences_of(session, g.principal.user_id)

    @signed_in
    @blueprint.arguments(Preferences)
    @blueprint.response(200, Preferences)
    def patch(self, body: dict[str, dict[str, bool]]) -> dict[str, dict[str, bool]]:
        """Updates the given channels. Order confirmations and security notifications are always sent."""
        with transaction() as session:
            accounts.set_preference(session, g.principal.user_id, body)
            return accounts.preferences_of(session, g.principal.user_id)


@blueprint.route("/me/addresses")
class AddressesView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(SavedAddress))
    def get(self, query: PageArgs) -> Page:
        """Returns your addresses, oldest first."""
        with transaction() as session:
            return page(session, accounts.list_addresses(g.principal.user_id), accounts.Address.id, **query)

    @signed_in
    @error_codes("too_many_addresses")
    @blueprint.arguments(AddressInput)
    @idempotent()
    @blueprint.response(201, SavedAddress)
    def post(self, session: DatabaseSession, body: dict[str, object]) -> accounts.Address:
        """Adds an address."""
        return accounts.add_address(session, g.principal.user_id, body)


@blueprint.route('/me/addresses/<id("adr"):address_id>')
class AddressView(MethodView):
    @signed_in
    @blueprint.response(200, SavedAddress)
    def get(self, address_id: str) -> accounts.Address:
        """Returns an address."""
        with transaction() as session:
            return accounts.get_address(session, g.principal.user_id, address_id)

    @signed_in
    @blueprint.arguments(AddressChanges(partial=True))
    @blueprint.response(200, SavedAddress)
    def patch(self, body: dict[str, object], address_id: str) -> accounts.Address:
        """Updates an address. Orders that were placed with it keep the old values."""
        with transaction() as session:
            return accounts.update_address(session, g.principal.user_id, address_id, body)

    @signed_in
    @blueprint.response(204)
    def delete(self, address_id: str) -> None:
        """Deletes an address. Orders that were placed with it keep it."""
        with transaction() as session:
            accounts.delete_address(session, g.principal.user_id, address_id)


@blueprint.route("/me/sessions")
class SessionsView(MethodView):
    @signed_in
    @blueprint.arguments(PageQuery, location="query")
    @blueprint.response(200, page_of(Session))
    def get(self, query: PageArgs) -> Page:
        """Returns your active sessions, latest login first."""
        with transaction() as session:
            live = accounts.select_live_sessions(g.principal.user_id)
            found = page(session, live, accounts.LoginSession.id.desc(), **query)
        found["data"] = [_session(row) for row in found["data"]]
        return found

    @signed_in
    @blueprint.response(204)
    def delete(self) -> None:
        """Ends all your other sessions and revokes their tokens immediately."""
        with transaction() as session:
            accounts.end_other_sessions(session, g.principal.user_id, kept=g.principal.session_id)


@blueprint.route('/me/sessions/<id("ses"):session_id>')
class SessionView(MethodView):
    @signed_in
    @blueprint.response(204)
    def delete(self, session_id: str) -> None:
        """Ends a session and revokes its tokens immediately."""
        with transaction() as session:
            accounts.end_session(session, g.principal.user_id, session_id)


def _profile(session: DatabaseSession, user: accounts.User) -> dict[str, object]:
    shown = ("id", "username", "email", "first_name", "last_name", "status", "language", "created_at")
    held = {"roles": sorted(g.principal.roles), "permissions": sorted(g.principal.permissions)}
    pending = accounts.find_pending_email(session, user.id)
    email = {"email_confirmed": user.email_confirmed_at is not None, "pending_email": pending and pending.email}
    return {**{name: getattr(user, name) for name in shown}, **email, **held}


def _session(row: accounts.LoginSession) -> dict[str, object]:
    shown = (
        "id", "user_agent", "ip", "method", "device", "place", "network", "created_at", "last_used_at", "expires_at",
    )  # fmt: skip
    return {**{name: getattr(row, name) for name in shown}, "current": row.id == g.principal.session_id}
