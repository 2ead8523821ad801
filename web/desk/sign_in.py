"""What staff do to the sign-in of a customer: sessions, the second factor, and the mail that confirms the address."""

from collections.abc import Callable

from flask import Response, g, url_for
from sqlalchemy.orm import Session

from models import accounts
from models.core.errors import Conflict, NotAllowed
from web import access
from web.blueprint import desk, takes_form
from web.desk.customers import CUSTOMER, show_customer
from web.desk.sending import send
from web.language import gettext


@desk.post(f"{CUSTOMER}/sessions")
@takes_form
@access.allowed("users:write")
def end_sessions(user_id: str) -> Response:
    """Ends all sessions of a user; of one's own, all but the present one."""

    def work(session: Session) -> str:
        accounts.end_sessions_of(session, g.principal.permissions, user_id, kept=g.principal.session_id)
        return "sessions_ended"

    return _act(user_id, work)


@desk.post(f"{CUSTOMER}/second-factor")
@takes_form
@access.allowed("users:write")
def reset_second_factor(user_id: str) -> Response:
    """Removes the second factor of a user who has lost it, and ends all their sessions."""

    def work(session: Session) -> str:
        if user_id == g.principal.user_id:
            raise NotAllowed(gettext("Disable your own second factor in your account."))
        accounts.reset_second_factor(session, user_id, g.principal.permissions)
        return "second_factor_reset"

    return _act(user_id, work)


@desk.post(f"{CUSTOMER}/confirmation")
@takes_form
@access.allowed("users:write")
def send_confirmation(user_id: str) -> Response:
    """Mails another token that confirms the address. It has the limits of those that the user asks for."""

    def work(session: Session) -> str:
        user = accounts.get_active(session, user_id)
        if user.email_confirmed_at is not None:
            raise Conflict(gettext("The address is confirmed already."))
        accounts.take_attempt(session, accounts.confirmation_limits(user.id, user.email))
        accounts.request_confirmation(session, user.id)
        return "confirmation_sent"

    return _act(user_id, work)


def _act(user_id: str, work: Callable[[Session], str]) -> Response:
    return send(
        lambda session: url_for("desk.customer_page", user_id=user_id, done=work(session)),
        lambda outcome, status: show_customer(user_id, outcome, status),
    )
