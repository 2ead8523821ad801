"""Signing in with a second factor: a challenge after the first one, and a session after the second."""

import hmac
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.accounts.challenges import (
    LIFETIME,
    invalid_challenge_error,
    make_challenge,
    read_challenge,
    spend_challenge,
)
from models.accounts.second_factor import Answer, check_answer, has_second_factor
from models.accounts.sessions import Credentials, OpenedSession, log_in
from models.accounts.tables import User
from models.core.errors import NotSignedIn
from models.core.tokens import digest

PURPOSE = "second factor"


@dataclass(frozen=True)
class FirstFactor:
    """A user who has given the first factor, by a challenge. `method`: password or oidc."""

    challenge: str
    user_id: str
    method: str


def ask_for_second_factor(session: Session, checked: Credentials, method: str) -> NotSignedIn | None:
    """The error `second_factor_required`, to be raised after the commit; None if the user has no second factor.

    Its challenge is valid for five minutes, once, and until the password changes.
    """
    if checked.user_id is None or not has_second_factor(session, checked.user_id):
        return None
    made = make_challenge(PURPOSE, sub=checked.user_id, method=method, password=_fingerprint(checked.password_hash))
    detail = "Enter a code of your authenticator app, or a recovery code."
    return NotSignedIn(detail, code="second_factor_required", challenge=made, expires_in=LIFETIME)


def read_first_factor(challenge: str) -> FirstFactor:
    """Who has given the first factor. Raises NotSignedIn (`invalid_challenge`)."""
    claims = read_challenge(challenge, PURPOSE)
    return FirstFactor(challenge, claims["sub"], claims["method"])


def give_second_factor(
    session: Session, first: FirstFactor, answer: Answer, user_agent: str | None, ip: str | None
) -> OpenedSession:
    """Opens a session for a user who has given both factors. A wrong code leaves the challenge valid.

    Raises NotSignedIn: `invalid_challenge`, `second_factor_failed`.
    """
    claims = read_challenge(first.challenge, PURPOSE)
    spend_challenge(session, first.challenge, claims)
    user = session.get(User, first.user_id)
    if user is None or not hmac.compare_digest(_fingerprint(user.password_hash), claims["password"]):
        raise invalid_challenge_error()
    check_answer(session, user.id, answer)
    checked = Credentials(user.id, user.password_hash)
    return log_in(session, checked, user_agent, ip, f"{first.method}+{answer.method}")


def _fingerprint(password_hash: str | None) -> str:
    return digest(password_hash or "")
