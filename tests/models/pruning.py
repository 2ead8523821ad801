"""Deletes expired rows and counts what is left."""

import json
from collections import Counter
from collections.abc import Iterable

from sqlalchemy import func, insert, select
from sqlalchemy.orm import DeclarativeBase, Session

from durable.ids import new_id
from models.core import event_log
from models.core.database import transaction
from models.operations import retention, retention_rules
from tests.models import aged


def write_events(session: Session, names: Iterable[str]) -> None:
    rows = [{"id": new_id("evt"), "name": name, "subject": "x", "payload": {}} for name in names]
    session.execute(insert(event_log.Event), rows)


def all_batches(*kinds: str, size: int = retention.BATCH_SIZE) -> list[dict[str, int]]:
    """Deletes all expired rows, each batch in a transaction; returns the counts of each batch."""
    done, place = [], None
    while True:
        with transaction() as session:
            found = retention.prune(session, kinds or list(retention_rules.KINDS), json.loads(json.dumps(place)), size)
        done.append(found.deleted)
        place = found.place
        if place is None:
            return done


def deleted(*kinds: str) -> dict[str, int]:
    """Deletes all expired rows; returns the total counts."""
    return sums(all_batches(*kinds))


def sums(batches: list[dict[str, int]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for batch in batches:
        found.update(batch)
    return dict(found)


def rows(table: type[DeclarativeBase]) -> int:
    with transaction() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


def write(days: int, *kinds: str) -> None:
    with transaction() as session:
        aged.write(session, days, *kinds)
