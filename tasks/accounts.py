"""Steps of the accounts service."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from models import accounts, idempotency
from tasks.step import Run, step

KEYS_KEPT = timedelta(hours=24)


@step
def forget_keys(session: Session, run: Run) -> dict[str, Any]:
    """Deletes idempotency keys that are older than their promise of 24 hours."""
    return {"keys": idempotency.delete_old(session, datetime.now(UTC) - KEYS_KEPT)}


@step
def forget_sessions(session: Session, run: Run) -> dict[str, Any]:
    """Deletes sessions that have ended or run out."""
    return {"sessions": accounts.delete_old_sessions(session, datetime.now(UTC))}
