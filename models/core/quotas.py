"""Quotas: how many things of a kind may exist, each a setting (docs/limits.md)."""

from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from models.core.errors import Conflict


def lock_name(session: Session, name: str) -> None:
    """Locks a name until the end of the transaction, for a quota whose rows have no common row to lock."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


def check_quota(session: Session, held: Select[Any], refusal: Conflict) -> None:
    """Raises the refusal if the query has as many rows as its `limit` allows.

    The caller holds a lock that everybody who adds a row takes; otherwise two could both take the last place.
    """
    limit: int = refusal.extra["limit"]
    if session.execute(select(func.count()).select_from(held.limit(limit).subquery())).scalar_one() >= limit:
        raise refusal
