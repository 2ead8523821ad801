"""Recovery codes: each replaces a code of the authenticator app once.

A code has 80 random bits, so its hash needs neither a salt nor a slow function.
"""

import secrets
from base64 import b32encode

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.accounts.sign_in_tables import RecoveryCode
from models.core.tokens import digest

NUMBER = 10
BYTES = 10


def make_codes(session: Session, user_id: str) -> list[str]:
    """Replaces the recovery codes of a user, and returns the new ones in clear text, which cannot be shown again."""
    codes = [_grouped(b32encode(secrets.token_bytes(BYTES)).decode().lower()) for _ in range(NUMBER)]
    remove_codes(session, user_id)
    session.execute(insert(RecoveryCode), [{"user_id": user_id, "code_hash": _hash(code)} for code in codes])
    return codes


def use_code(session: Session, user_id: str, code: str) -> bool:
    """Whether this is an unused recovery code of the user, which is used from now on. One of concurrent calls wins."""
    unused = RecoveryCode.user_id == user_id, RecoveryCode.code_hash == _hash(code), RecoveryCode.used_at.is_(None)
    used = update(RecoveryCode).where(*unused).values(used_at=func.now()).returning(RecoveryCode.user_id)
    return session.scalars(used).one_or_none() is not None


def count_codes(session: Session, user_id: str) -> int:
    """How many recovery codes of the user are unused."""
    unused = RecoveryCode.user_id == user_id, RecoveryCode.used_at.is_(None)
    return session.scalars(select(func.count()).select_from(RecoveryCode).where(*unused)).one()


def remove_codes(session: Session, user_id: str) -> None:
    """Deletes all recovery codes of the user."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))


def _grouped(code: str) -> str:
    return "-".join(code[start : start + 4] for start in range(0, len(code), 4))


def _hash(code: str) -> str:
    """Ignores case and hyphens, as people type codes."""
    return digest(code.replace("-", "").lower())
