"""Data retention: the deletion of old rows, in batches."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    any_,
    delete,
    func,
    literal,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from durable.ids import first_id
from models.core.event_feed import Cursor
from models.core.workflow_inputs import Place
from models.operations.retention_rules import KINDS, Kind, Rule
from models.webhooks import Endpoint

BATCH_SIZE = 5000
"""Rows examined per batch, to bound the duration and size of its transaction."""


@dataclass(frozen=True)
class Batch:
    """The result of a batch. `deleted`: kind → rows. `place`: where the next one begins; None at the end."""

    deleted: dict[str, int]
    place: Place | None


def count(session: Session, kind: str) -> int:
    """Counts the rows of a kind that are due for deletion, without rows deleted by cascade.

    Reads all old rows.
    """
    limits = _limits(KINDS[kind], _now(session), _handed_on(session))
    return sum(session.execute(_count(rule), limits).scalar_one() for rule in KINDS[kind].rules)


def prune(
    session: Session, kinds: Sequence[str] = tuple(KINDS), place: Place | None = None, portion: int = BATCH_SIZE
) -> Batch:
    """Deletes a batch of due rows, starting at `place`, where the previous batch ended.

    Skips rows that are locked. Rows that are kept are not locked.
    """
    rules = [(KINDS[kind], rule) for kind in kinds for rule in KINDS[kind].rules]
    first, after = 0, None
    if place:
        first, after = [rule.name for _, rule in rules].index(place["rule"]), place["after"]
    deleted: Counter[str] = Counter()
    left, now, handed_on = portion, _now(session), _handed_on(session)
    for kind, rule in rules[first:]:
        limit = max(1, left // rule.weight)
        found = session.execute(_delete(rule, after, limit), _limits(kind, now, handed_on)).one_or_none()
        after = None
        if found is None:
            continue
        deleted[kind.name] += found.deleted
        left -= found.looked_at * rule.weight
        if found.looked_at == limit:
            return Batch(dict(+deleted), {"rule": rule.name, "after": _serialise(found[2:])})
    return Batch(dict(+deleted), None)


def _now(session: Session) -> datetime:
    """The time of the database's clock, which the rows' timestamps use."""
    return session.scalars(select(func.now())).one()


def _handed_on(session: Session) -> int:
    """The last position of the feed that all cursors have passed. A disabled endpoint holds back nothing."""
    enabled = Endpoint.disabled_at.is_(None), Endpoint.deleted_at.is_(None)
    endpoints = select(func.min(Endpoint.cursor)).where(*enabled).scalar_subquery()
    return int(session.scalars(select(func.coalesce(func.least(func.min(Cursor.position), endpoints), 0))).one())


def _limits(kind: Kind, now: datetime, handed_on: int) -> dict[str, object]:
    before = now - timedelta(days=kind.days)
    return {"before": before, "first_id": first_id(before), "handed_on": handed_on}


def _range(rule: Rule, after: Sequence[Any] | None = None) -> list[ColumnElement[bool]]:
    bounds = []
    if after is not None:
        bounds.append(_row(rule.index_columns) > _row(_deserialise(rule, after)))
    elif rule.start:
        bounds.append(_row(rule.index_columns[: len(rule.start)]) >= _row(rule.start))
    if rule.until:
        bounds.append(_row(rule.index_columns[: len(rule.until)]) < _row(rule.until))
    return bounds


def _row(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple_(*values)


def _count(rule: Rule) -> Select[int]:
    return select(func.count()).select_from(rule.table).where(*_range(rule), rule.is_due)


def _delete(rule: Rule, after: Sequence[Any] | None, limit: int) -> Select[Any]:
    """Deletes the due rows among the next `limit` rows. Returns (deleted, looked_at, *place of the last), or no row at
    the end.

    Rows are found again by ctid, which does not change while they are locked. With this, the planner cannot choose a
    scan of the whole table, whatever its statistics say.
    """
    ctid: ColumnElement[Any] = literal_column("ctid")
    places = [column.label(f"place_{number}") for number, column in enumerate(rule.index_columns)]
    looked_at = (
        select(ctid.label("tid"), *places).select_from(rule.table)
        .where(*_range(rule, after)).order_by(*rule.index_columns).limit(limit).cte("looked_at")
    )  # fmt: skip
    locked = (
        select(ctid).select_from(rule.table)
        .where(ctid == any_(func.array(select(looked_at.c.tid).scalar_subquery())), rule.is_due)
        .with_for_update(skip_locked=True, of=rule.table).correlate(None).scalar_subquery()
    )  # fmt: skip
    deleted = delete(rule.table).where(ctid == any_(func.array(locked))).returning(literal(1).label("one")).cte("gone")
    last = [looked_at.c[place.name] for place in places]
    return (
        select(
            select(func.count()).select_from(deleted).scalar_subquery().label("deleted"),
            select(func.count()).select_from(looked_at.alias("all_of_them")).scalar_subquery().label("looked_at"),
            *last,
        )
        .order_by(*(column.desc() for column in last))
        .limit(1)
    )


def _serialise(place: Sequence[object]) -> list[object]:
    """Serialises a place as JSON."""
    return [value.isoformat() if isinstance(value, datetime) else value for value in place]


def _deserialise(rule: Rule, place: Sequence[Any]) -> list[ColumnElement[Any]]:
    times = [isinstance(column.type, DateTime) for column in rule.index_columns]
    values = [datetime.fromisoformat(value) if is_time else value for value, is_time in zip(place, times, strict=True)]
    return [literal(value, column.type) for value, column in zip(values, rule.index_columns, strict=True)]
