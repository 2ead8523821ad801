"""Views that confirm and restore e-mail addresses, for whoever reads the mails."""

import secrets
from urllib.parse import quote

from flask import Response, g
from flask.views import MethodView

from api.accounts.blueprint import blueprint
from api.accounts.schemas import MailedToken, Message
from api.http.auth import public, signed_in
from api.http.button_page import ButtonPage, button_page
from api.http.errors import error_codes
from api.http.limits import limited
from api.http.request_hooks import takes_files
from models import accounts, notifications
from models.core.database import transaction
from models.core.errors import NotFound

MAX_FORM = 1000  # bytes
WORDS = {
    "en": ("Confirm your e-mail address", "Mails about your account and your orders will be sent to it.",
           "Your e-mail address is confirmed", "Mails about your account and your orders are now sent to it."),
    "de": ("E-Mail-Adresse bestätigen", "Sie erhalten dort E-Mails über Ihr Konto und Ihre Bestellungen.",
           "Ihre E-Mail-Adresse ist bestätigt", "E-Mails über Ihr Konto und Ihre Bestellungen gehen jetzt dorthin."),
}  # fmt: skip
"""Language → heading and text before and after."""
BUTTON = "/v1/auth/email/confirm/button?token="


@blueprint.route("/auth/email/confirm")
class ConfirmEmailView(MethodView):
    is_for_browsers = True

    @public
    @error_codes("not_found")
    @blueprint.arguments(MailedToken, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    @limited("mailed_tokens")
    def get(self, query: dict[str, str]) -> Response:
        """Returns a page with a button that confirms the e-mail address. Changes nothing."""
        with transaction() as session:
            user = accounts.find_user_by_token(session, query["token"])
            if user is None:
                raise NotFound("This link is not valid.")
            language = notifications.choose_language(user.language)
        heading, text, _, _ = WORDS[language]
        return button_page(ButtonPage(language, heading, text, BUTTON + quote(query["token"], safe="")))

    @public
    @error_codes("email_taken")
    @blueprint.arguments(MailedToken)
    @blueprint.response(204)
    @limited("mailed_tokens")
    def post(self, body: dict[str, str]) -> None:
        """Confirms the e-mail address to which the token was mailed. Mails that were held until now are sent.

        That of a registration is confirmed within seven days, and a second call changes nothing. A new address is
        confirmed within 24 hours, once, and becomes that of the account. The token says which account; who is signed in
        does not matter.
        """
        with transaction() as session:
            accounts.confirm_by_token(session, body["token"])


@blueprint.route("/auth/email/confirm/button")
class ConfirmationButtonView(MethodView):
    is_for_browsers = True

    @public
    @error_codes("email_taken")
    @takes_files(MAX_FORM)
    @blueprint.arguments(MailedToken, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    @limited("mailed_tokens")
    def post(self, query: dict[str, str]) -> Response:
        """Confirms the e-mail address, as the button of the page does. The body is ignored."""
        with transaction() as session:
            user = accounts.confirm_by_token(session, query["token"])
            language = notifications.choose_language(user.language)
        _, _, heading, text = WORDS[language]
        return button_page(ButtonPage(language, heading, text))


@blueprint.route("/me/email/confirmation")
class ConfirmationMailView(MethodView):
    @signed_in
    @error_codes("too_many_requests")
    @blueprint.response(202, Message)
    @limited("mails")
    def post(self) -> dict[str, object]:
        """Mails another token that confirms your e-mail address, unless it is confirmed. Three an hour."""
        with transaction() as session:
            user = accounts.get(session, g.principal.user_id)
            accounts.take_attempt(session, accounts.confirmation_limits(user.id, user.email))
            accounts.request_confirmation(session, user.id)
        return {"detail": "If your address is not confirmed yet, a mail has been sent to it."}


@blueprint.route("/auth/email/restore")
class RestoreEmailView(MethodView):
    @public
    @error_codes("email_taken")
    @blueprint.arguments(MailedToken)
    @blueprint.response(200, Message)
    @limited("mailed_tokens")
    def post(self, body: dict[str, str]) -> dict[str, object]:
        """Restores the e-mail address to which the token was mailed, within seven days of the request to change it.

        Cancels a change that is not confirmed, ends all sessions, mails a password reset to the restored address, and
        deletes passkeys, identities and second factors that were added since the request.
        """
        with transaction() as session:
            accounts.check_restore_token(session, body["token"])
        unknown = accounts.hash_password(secrets.token_urlsafe(32))
        with transaction() as session:
            accounts.restore_email(session, body["token"], unknown)
        return {"detail": "The address is restored. A password reset e-mail has been sent to it."}
