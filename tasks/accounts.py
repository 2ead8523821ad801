"""Steps of the accounts service."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from durable import Run, Service
from models import accounts, idempotency
from models.inputs import UserInput

service = Service("accounts")

KEYS_KEPT = timedelta(hours=24)


@service.step
def forget_keys(session: Session, run: Run[Any]) -> dict[str, Any]:
    """Deletes idempotency keys that are older than their promise of 24 hours."""
    return {"keys": idempotency.delete_old(session, datetime.now(UTC) - KEYS_KEPT)}


@service.step
def forget_sessions(session: Session, run: Run[Any]) -> dict[str, Any]:
    """Deletes sessions that have ended or run out."""
    return {"sessions": accounts.delete_old_sessions(session, datetime.now(UTC))}


@service.step
def forget_tries(session: Session, run: Run[Any]) -> dict[str, Any]:
    """Deletes tokens for new passwords that have run out, and guesses that are free again."""
    now = datetime.now(UTC)
    return {
        "resets": accounts.delete_old_resets(session, now),
        "guesses": accounts.delete_old_guesses(session, now),
    }


@service.step
def forget_answers(session: Session, run: Run[UserInput]) -> dict[str, Any]:
    """Deletes what a user who is gone was answered, as it is kept beside idempotency keys."""
    return {"answers": idempotency.forget_owner(session, run.input["user_id"])}
