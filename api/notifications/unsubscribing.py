"""The page behind the unsubscribe link of a mail, and unsubscribing with one click (RFC 8058)."""

from flask import Response
from flask.views import MethodView
from sqlalchemy.orm import Session

from api.http.auth import public
from api.http.button_page import ButtonPage, button_page
from api.http.errors import error_codes
from api.http.request_hooks import takes_files
from api.notifications.blueprint import blueprint
from api.notifications.schemas import UnsubscribeQuery
from models import accounts, notifications
from models.core.database import transaction
from models.core.errors import NotFound

MAX_FORM = 1000  # bytes
WORDS = {
    "en": ("Unsubscribe", "You will no longer receive mails of this kind: {kind}.", "You are unsubscribed",
           "You will not receive mails of this kind any more: {kind}."),
    "de": ("E-Mails abbestellen", "Sie erhalten dann keine E-Mails dieser Art mehr: {kind}.", "Abbestellt",
           "Sie erhalten keine E-Mails dieser Art mehr: {kind}."),
}  # fmt: skip
"""Language → heading and text before and after."""


@blueprint.route("/unsubscribe")
class UnsubscribeView(MethodView):
    is_for_browsers = True

    @public
    @error_codes("not_found")
    @blueprint.arguments(UnsubscribeQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def get(self, query: dict[str, str]) -> Response:
        """Returns a page with a button that unsubscribes. Changes nothing."""
        with transaction() as session:
            chosen, language = _read(session, query["token"])
        heading, text, _, _ = WORDS[language]
        # The button sends what a mail program sends for one click.
        page = ButtonPage(language, heading, _about(text, chosen), "", "List-Unsubscribe", "One-Click")
        return button_page(page)

    @public
    @error_codes("not_found")
    @takes_files(MAX_FORM)
    @blueprint.arguments(UnsubscribeQuery, location="query")
    @blueprint.response(200, {"type": "string"}, content_type="text/html")
    def post(self, query: dict[str, str]) -> Response:
        """Switches a kind of notification off for a channel, as the token of the mail says. The body is ignored."""
        with transaction() as session:
            chosen, language = _read(session, query["token"])
            accounts.set_preference(session, chosen.user_id, {chosen.kind: {chosen.channel: False}})
        _, _, heading, text = WORDS[language]
        return button_page(ButtonPage(language, heading, _about(text, chosen)))


def _read(session: Session, token: str) -> tuple[notifications.Choice, str]:
    """What the token switches off, and the user's language. Raises NotFound, also once the account is closed."""
    chosen = notifications.read_unsubscribe_token(token)
    if chosen is None:
        raise NotFound("This link is not valid.")
    return chosen, notifications.choose_language(accounts.get_active(session, chosen.user_id).language)


def _about(text: str, chosen: notifications.Choice) -> str:
    return text.format(kind=chosen.kind.replace("_", " "))
