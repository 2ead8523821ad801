"""The phone number of a user: given, verified by a code in a text message, and removed."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import phonenumbers
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

import durable
from models import notifications
from models.accounts.tables import Phone
from models.accounts.users import lock
from models.core.errors import Conflict, Invalid, NotFound
from settings import settings

CODE_LIFETIME = timedelta(minutes=10)
MAX_CODE_ATTEMPTS = 5
"""Per code. With three codes an hour (`code_limits`), a guess of one in a million succeeds once in seven years."""
DIGITS = 6


@dataclass(frozen=True)
class Verification:
    """The result of an attempt. `attempts_left`: with this code."""

    phone: Phone
    verified: bool
    attempts_left: int


def parse_number(number: str) -> str:
    """The number in E.164. Raises Invalid `invalid_phone_number` unless such a number can exist.

    It is written with its country, as `+49 30 1234567`; spaces, hyphens and parentheses are ignored.
    """
    try:
        found = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        found = None
    if found is None or not phonenumbers.is_valid_number(found):
        detail = "This is not a valid phone number. Write it with its country, such as +49 1512 3456789."
        raise Invalid(detail, code="invalid_phone_number", errors={"number": [detail]})
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def set_phone(session: Session, user_id: str, number: str) -> str:
    """Replaces the user's number by one that is to be verified, and starts the run that sends the code; returns it.

    An earlier code becomes invalid. Until the number is verified, no other text messages are sent. Raises Invalid
    `invalid_phone_number`, and Conflict: `already_verified`, `channel_unavailable`.
    """
    wanted = parse_number(number)
    if not settings.sms:
        raise Conflict("This shop sends no text messages.", code="channel_unavailable", channel="sms")
    lock(session, user_id)
    known = find_phone(session, user_id)
    if known is not None and known.number == wanted and known.verified_at is not None:
        raise Conflict("This number is verified already.", code="already_verified")
    run_id = durable.start(session, "verify_phone", key=uuid4().hex, input={"user_id": user_id}, owner=user_id)
    row = {
        "user_id": user_id, "number": wanted, "code_of": run_id, "code_expires_at": func.now() + CODE_LIFETIME,
        "attempts": 0, "verified_at": None,
    }  # fmt: skip
    new = insert(Phone).values(row)
    session.execute(new.on_conflict_do_update(index_elements=["user_id"], set_=row))
    return run_id


def find_phone(session: Session, user_id: str) -> Phone | None:
    """The user's number, if any."""
    return session.get(Phone, user_id, populate_existing=True)


def get_phone(session: Session, user_id: str) -> Phone:
    """The user's number. Raises NotFound."""
    phone = find_phone(session, user_id)
    if phone is None:
        raise NotFound("You have given no phone number.")
    return phone


def find_verified_number(session: Session, user_id: str) -> str | None:
    """The user's number, if it is verified."""
    verified = select(Phone.number).where(Phone.user_id == user_id, Phone.verified_at.is_not(None))
    return session.scalars(verified).one_or_none()


def derive_code(run_id: str) -> str:
    """The code that the run sends; the same for each call.

    It is derived from the run id and the shop's secret key (HMAC-SHA-256), so that it is stored nowhere.
    """
    made = hmac.digest(settings.secret_key.encode(), f"phone code {run_id}".encode(), "sha256")
    return str(int.from_bytes(made) % 10**DIGITS).zfill(DIGITS)


def verify_phone(session: Session, user_id: str, code: str) -> Verification:
    """Counts an attempt, which the caller commits, and verifies the number if the code is right.

    A number that is verified is not suppressed any more. Raises NotFound, and Conflict: `already_verified`,
    `code_expired` if it is too old, was tried MAX_CODE_ATTEMPTS times, or was replaced.
    """
    locked = select(Phone).where(Phone.user_id == user_id).with_for_update()
    phone = session.scalars(locked.execution_options(populate_existing=True)).one_or_none()
    if phone is None:
        raise NotFound("You have given no phone number.")
    if phone.verified_at is not None:
        raise Conflict("This number is verified already.", code="already_verified")
    if phone.attempts >= MAX_CODE_ATTEMPTS or phone.code_expires_at <= _now(session):
        raise Conflict("The code is not valid any more. Request another one.", code="code_expired")
    phone.attempts += 1
    if hmac.compare_digest(derive_code(phone.code_of), code):
        phone.verified_at = _now(session)
        notifications.lift_suppression(session, phone.number)
    session.flush()
    return Verification(phone, phone.verified_at is not None, MAX_CODE_ATTEMPTS - phone.attempts)


def _now(session: Session) -> datetime:
    return session.scalars(select(func.now())).one()


def remove_phone(session: Session, user_id: str) -> None:
    """Removes the user's number. A second call changes nothing."""
    session.execute(delete(Phone).where(Phone.user_id == user_id))
