"""The second factor: codes of an authenticator app (TOTP, RFC 6238), with recovery codes for when it is lost."""

import hmac
import logging
import time
from dataclasses import dataclass

import pyotp
from cryptography.exceptions import InvalidTag
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from models.accounts import recovery_codes
from models.accounts.administration import lock_administered
from models.accounts.sessions import end_other_sessions
from models.accounts.sign_in_tables import SecondFactor
from models.accounts.tables import ONE_FACTOR, LoginSession
from models.accounts.users import lock
from models.core import event_log
from models.core.encryption import decrypt, encrypt
from models.core.errors import Conflict, NotFound, NotSignedIn
from models.core.events import SignInChanged
from settings import settings

log = logging.getLogger(__name__)

STEP = 30  # seconds
DRIFT = (-1, 0, 1)
"""Steps whose codes are accepted: a clock may be wrong by 30 seconds (RFC 6238, section 5.2)."""
PURPOSE = "second factor"


@dataclass(frozen=True)
class Enrolment:
    """The secret of an authenticator app, in base32, and as the URI of a QR code."""

    secret: str
    otpauth_uri: str


@dataclass(frozen=True)
class Answer:
    """The second factor as a user has entered it: either a code of the app, or a recovery code."""

    code: str | None = None
    recovery_code: str | None = None

    @property
    def method(self) -> str:
        """What a session is opened with."""
        return "totp" if self.code is not None else "recovery_code"


def begin_enrolment(session: Session, user_id: str) -> Enrolment:
    """Makes a secret, in place of an earlier one that was not confirmed. Raises Conflict `second_factor_enabled`."""
    user = lock(session, user_id)
    if has_second_factor(session, user_id):
        raise Conflict("A second factor is enabled. Disable it first.", code="second_factor_enabled")
    secret = pyotp.random_base32()
    encrypted = encrypt(secret.encode(), PURPOSE, user_id)
    session.merge(SecondFactor(user_id=user_id, secret=encrypted, last_step=None))
    session.flush()
    uri = pyotp.TOTP(secret).provisioning_uri(name=user.username, issuer_name=settings.seller_name)
    return Enrolment(secret, uri)


def confirm_enrolment(session: Session, user_id: str, session_id: str, code: str) -> list[str]:
    """Enables the second factor with its first code. Returns the recovery codes, which cannot be shown again.

    The session counts as signed in with it. Raises NotFound without `begin_enrolment`, Conflict
    `second_factor_enabled`, and NotSignedIn `second_factor_failed`.
    """
    lock(session, user_id)
    factor = session.get(SecondFactor, user_id, populate_existing=True)
    if factor is None:
        raise NotFound("There is no second factor to confirm. Send `POST /v1/me/second-factor` first.")
    if factor.confirmed_at is not None:
        raise Conflict("The second factor is enabled already.", code="second_factor_enabled")
    if not _accept(factor, code):
        raise failed_error()
    factor.confirmed_at = func.now()
    here = LoginSession.id == session_id, LoginSession.method.in_(ONE_FACTOR)
    session.execute(update(LoginSession).where(*here).values(method=LoginSession.method + "+totp"))
    event_log.emit(session, SignInChanged(user_id=user_id, change="second_factor_enabled"))
    return recovery_codes.make_codes(session, user_id)


def has_second_factor(session: Session, user_id: str) -> bool:
    """Whether a code is required when the user signs in."""
    return find_second_factor(session, user_id) is not None


def find_second_factor(session: Session, user_id: str) -> SecondFactor | None:
    """The second factor of a user, if it is enabled."""
    enabled = select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    return session.scalars(enabled).one_or_none()


def check_answer(session: Session, user_id: str, answer: Answer) -> None:
    """Accepts a code, once. Raises NotSignedIn `second_factor_failed`, the same for a wrong and for a used code, and
    Conflict `second_factor_disabled` if there is none."""
    enabled = select(SecondFactor).where(SecondFactor.user_id == user_id, SecondFactor.confirmed_at.is_not(None))
    factor = session.scalars(enabled.with_for_update().execution_options(populate_existing=True)).one_or_none()
    if factor is None:
        raise Conflict("No second factor is enabled.", code="second_factor_disabled")
    if answer.recovery_code is not None:
        accepted = recovery_codes.use_code(session, user_id, answer.recovery_code)
    else:
        accepted = answer.code is not None and _accept(factor, answer.code)
    if not accepted:
        raise failed_error()
    if answer.recovery_code is not None:
        event_log.emit(session, SignInChanged(user_id=user_id, change="recovery_code_used"))
    session.flush()


def _accept(factor: SecondFactor, code: str) -> bool:
    """Whether the code is that of the current step or a neighbour, and later than the latest one accepted."""
    try:
        totp = pyotp.TOTP(decrypt(factor.secret, PURPOSE, factor.user_id).decode())
    except InvalidTag:
        log.error("The second factor of %s was encrypted with another SHOP_SECRET_KEY", factor.user_id)
        return False
    now = int(time.time()) // STEP
    for step in (now + drift for drift in DRIFT):
        is_new = factor.last_step is None or step > factor.last_step
        if is_new and hmac.compare_digest(totp.generate_otp(step), code):
            factor.last_step = step
            return True
    return False


def renew_recovery_codes(session: Session, user_id: str, answer: Answer) -> list[str]:
    """Replaces the recovery codes. Raises as `check_answer`."""
    lock(session, user_id)
    check_answer(session, user_id, answer)
    event_log.emit(session, SignInChanged(user_id=user_id, change="recovery_codes_renewed"))
    return recovery_codes.make_codes(session, user_id)


def disable_second_factor(session: Session, user_id: str, answer: Answer) -> None:
    """Removes the second factor and its recovery codes. Sessions no longer count as signed in with it. Raises as
    `check_answer`."""
    lock(session, user_id)
    check_answer(session, user_id, answer)
    _remove(session, user_id)
    event_log.emit(session, SignInChanged(user_id=user_id, change="second_factor_disabled"))


def reset_second_factor(session: Session, user_id: str, held: frozenset[str]) -> None:
    """Removes the second factor of a user who has lost it, and ends all sessions of the user, who is notified by mail.

    The caller must hold all permissions of the user. Raises NotFound, NotAllowed, Conflict `second_factor_disabled`.
    """
    lock_administered(session, held, user_id)
    if not has_second_factor(session, user_id):
        raise Conflict("This user has no second factor.", code="second_factor_disabled")
    _remove(session, user_id)
    end_other_sessions(session, user_id)
    event_log.emit(session, SignInChanged(user_id=user_id, change="second_factor_reset"))


def _remove(session: Session, user_id: str) -> None:
    recovery_codes.remove_codes(session, user_id)
    factor = session.get_one(SecondFactor, user_id)
    session.delete(factor)
    session.flush()
    plain = func.split_part(LoginSession.method, "+", 1)
    session.execute(update(LoginSession).where(LoginSession.user_id == user_id).values(method=plain))


def failed_error() -> NotSignedIn:
    """The same error for a wrong code, a used code and a used recovery code."""
    return NotSignedIn("The code is wrong or was already used.", code="second_factor_failed")
