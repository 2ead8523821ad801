"""How long rows are kept: one rule for each table that would grow for ever, and the deletion of what is older.

What no rule names is kept for ever: orders, lines, invoices, payments, transactions, stock movements, purchase orders.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    String,
    and_,
    any_,
    bindparam,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import DeclarativeBase, Session, aliased

from durable.ids import Id, first_id
from durable.tables import RunRecord
from models.accounts import LoginSession, LoginThrottle, PasswordReset
from models.core.event_log import Event
from models.core.events import EVENT_TYPES
from models.core.idempotency import IdempotencyKey
from models.core.workflow_inputs import Place
from models.imports import Chunk, Import, Refused
from models.notifications import Notification
from models.payments import WebhookEvent
from models.reports import Line, Report
from settings import settings

PORTION = 5000
"""Rows that one portion looks at, so that its transaction is short and small however much there is to delete."""

OVER = ("succeeded", "cancelled")
"""Statuses of runs that nobody will look after any more. `failed` is not one: a person is needed."""

STAFF = ("key", "role", "staff")
"""First words of the events that say what staff did. Each change by staff leaves one, whatever else it leaves."""

_BEFORE: ColumnElement[datetime] = bindparam("before", type_=DateTime(timezone=True))
_FIRST_ID: ColumnElement[str] = bindparam("first_id", type_=Id(""))
"""The smallest id of that time. UUIDv7s are in the order of time, so that the old rows are a range of an id's index."""


@dataclass(frozen=True)
class Rule:
    """Which rows of a table go.

    A portion goes along the columns `along`, which an index has in this order, from `start` until before `until`
    (values of the first of them; empty: no bound). It looks at no row outside, whatever the size of the table.
    Of what it looks at, it deletes what `goes`. `weight`: about how many rows go when one does, by cascade as well.
    """

    name: str
    table: type[DeclarativeBase]
    along: tuple[Any, ...]
    goes: ColumnElement[bool]
    until: tuple[Any, ...] = ()
    start: tuple[Any, ...] = ()
    weight: int = 1


@dataclass(frozen=True)
class Kind:
    """Rows that are kept for equally long: for the days that the setting of this name says, or until they are over."""

    name: str
    what: str
    rules: tuple[Rule, ...]
    setting: str | None = None

    @property
    def days(self) -> int:
        return getattr(settings, self.setting) if self.setting else 0


@dataclass(frozen=True)
class Portion:
    """What a portion has deleted: kind → rows. `place` is where the next one begins; None: nothing is left."""

    deleted: dict[str, int]
    place: Place | None


def _unfinished(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """There is such a run that is live, perhaps stuck, or failed and waits for a person."""
    return exists(
        select(RunRecord.id).where(or_(RunRecord.finished_at.is_(None), RunRecord.status == "failed"), *which)
    )


def _of_names(names: Sequence[str]) -> tuple[Rule, ...]:
    """A rule for each name, for (name, id) is what there is an index of: the events of other names stay unread."""
    return tuple(
        Rule(f"event {name}", Event, (Event.name, Event.id), Event.created_at < _BEFORE,
             (literal(name, String), _FIRST_ID), (literal(name, String),))
        for name in names
    )  # fmt: skip


_IS_OVER = and_(
    Import.created_at < _BEFORE,
    or_(Import.finished_at < _BEFORE, and_(Import.finished_at.is_(None), ~_unfinished(RunRecord.id == Import.run_id))),
)
"""Of imports. One whose run was turned back never finishes."""

_PARENT = aliased(RunRecord)
_PARENT_WAITS = exists(select(_PARENT.id).where(_PARENT.id == RunRecord.parent, _PARENT.finished_at.is_(None)))

_RUN_GOES = and_(RunRecord.finished_at < _BEFORE, RunRecord.status.in_(OVER), ~_PARENT_WAITS)
_TOLD = func.starts_with(Notification.key, RunRecord.workflow + ":" + RunRecord.key)

_STAFF_EVENTS = [name for name in EVENT_TYPES if name.partition(".")[0] in STAFF]
_SESSION_OVER = func.least(LoginSession.expires_at, LoginSession.ended_at)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("idempotency_keys", "first answers to requests", (
            Rule("idempotency_key", IdempotencyKey,
                 (IdempotencyKey.created_at, IdempotencyKey.owner, IdempotencyKey.key), true(), (_BEFORE,)),
        ), "keep_idempotency_keys_days"),
        Kind("sessions", "logins that have ended or run out", (
            Rule("session", LoginSession, (_SESSION_OVER, LoginSession.id), true(), (_BEFORE,), weight=50),
        )),
        Kind("resets", "mailed tokens that have run out", (
            Rule("password_reset", PasswordReset, (PasswordReset.expires_at, PasswordReset.id), true(), (_BEFORE,)),
        )),
        # An index would make each guess more expensive; going through the whole table once an hour is cheap.
        Kind("login_throttles", "counters of login attempts whose limit is free again", (
            Rule("login_throttle", LoginThrottle, (LoginThrottle.key,), LoginThrottle.free_at < _BEFORE),
        )),
        Kind("webhook_events", "events that the gateway has told us of", (
            Rule("webhook_event", WebhookEvent, (WebhookEvent.received_at, WebhookEvent.id), true(), (_BEFORE,)),
        ), "keep_webhook_events_days"),
        # A live run may ask whether it has told of this already.
        Kind("notifications", "mails to people", (
            Rule("notification", Notification, (Notification.id,), and_(
                Notification.created_at < _BEFORE,
                ~_unfinished(RunRecord.id < _FIRST_ID, _TOLD),
            ), (_FIRST_ID,)),
        ), "keep_notifications_days"),
        # No order younger than that links to a run that goes: a run is made with its order, and ends later.
        Kind("runs", "runs that have ended, with their steps", (
            Rule("run", RunRecord, (RunRecord.id,), _RUN_GOES, (_FIRST_ID,), weight=8),
        ), "keep_runs_days"),
        Kind("events", "events, but for what staff did",
             _of_names([name for name in EVENT_TYPES if name not in _STAFF_EVENTS]), "keep_events_days"),
        Kind("staff_events", "events that say what staff did", _of_names(_STAFF_EVENTS), "keep_staff_events_days"),
        # The report goes first, so that nobody sees it with a part of its lines.
        Kind("reports", "reports, with their lines", (
            Rule("report", Report, (Report.id,), Report.created_at < _BEFORE, (_FIRST_ID,)),
            Rule("report line", Line, (Line.report_id, Line.warehouse_id, Line.product_id), and_(
                ~exists(select(Report.id).where(Report.id == Line.report_id, Report.created_at >= _BEFORE)),
                ~_unfinished(RunRecord.id < _FIRST_ID, RunRecord.workflow == "inventory_report"),
            ), (_FIRST_ID,)),
        ), "keep_reports_days"),
        # What can be large goes row by row before the import itself.
        Kind("imports", "imports, with their refused rows", (
            Rule("import refusal", Refused, (Refused.import_id, Refused.line),
                 exists(select(Import.id).where(Import.id == Refused.import_id, _IS_OVER)), (_FIRST_ID,)),
            Rule("import chunk", Chunk, (Chunk.import_id, Chunk.number),
                 exists(select(Import.id).where(Import.id == Chunk.import_id, _IS_OVER)), (_FIRST_ID,), weight=100),
            Rule("import", Import, (Import.id,), _IS_OVER, (_FIRST_ID,)),
        ), "keep_imports_days"),
    )
}  # fmt: skip
"""Every kind of rows that is deleted once it is old enough, by name."""


def count(session: Session, kind: str) -> int:
    """How many rows of this kind would be deleted now; steps and spent tokens, which go by cascade, not counted.

    Reads all of the old rows.
    """
    limits = _limits(KINDS[kind], _now(session))
    return sum(session.execute(_count(rule), limits).scalar_one() for rule in KINDS[kind].rules)


def prune(
    session: Session, kinds: Sequence[str] = tuple(KINDS), place: Place | None = None, portion: int = PORTION
) -> Portion:
    """Deletes one portion of what need not be kept any longer, from `place` on, where the portion before has ended.

    A row that somebody has locked is left for another time. What a rule keeps is never locked.
    """
    rules = [(KINDS[kind], rule) for kind in kinds for rule in KINDS[kind].rules]
    first, after = 0, None
    if place:
        first, after = [rule.name for _, rule in rules].index(place["rule"]), place["after"]
    deleted: Counter[str] = Counter()
    left, now = portion, _now(session)
    for kind, rule in rules[first:]:
        limit = max(1, left // rule.weight)
        found = session.execute(_delete(rule, after, limit), _limits(kind, now)).one_or_none()
        after = None
        if found is None:
            continue
        deleted[kind.name] += found.deleted
        left -= found.looked_at * rule.weight
        if found.looked_at == limit:
            return Portion(dict(+deleted), {"rule": rule.name, "after": _written(found[2:])})
    return Portion(dict(+deleted), None)


def _now(session: Session) -> datetime:
    """By the database's clock, as the rows' own times."""
    return session.scalars(select(func.now())).one()


def _limits(kind: Kind, now: datetime) -> dict[str, object]:
    before = now - timedelta(days=kind.days)
    return {"before": before, "first_id": first_id(before)}


def _range(rule: Rule, after: Sequence[Any] | None = None) -> list[ColumnElement[bool]]:
    bounds = []
    if after is not None:
        bounds.append(_row(rule.along) > _row(_read(rule, after)))
    elif rule.start:
        bounds.append(_row(rule.along[: len(rule.start)]) >= _row(rule.start))
    if rule.until:
        bounds.append(_row(rule.along[: len(rule.until)]) < _row(rule.until))
    return bounds


def _row(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple_(*values)


def _count(rule: Rule) -> Select[int]:
    return select(func.count()).select_from(rule.table).where(*_range(rule), rule.goes)


def _delete(rule: Rule, after: Sequence[Any] | None, limit: int) -> Select[Any]:
    """Deletes what goes of the next `limit` rows. Returns (deleted, looked_at, *place of the last), or no row if there
    is none left.

    Rows are found again by their place in the table (ctid), which stays theirs while they are locked: whatever the
    planner believes of the table, it can't decide to read all of it.
    """
    ctid: ColumnElement[Any] = literal_column("ctid")
    places = [column.label(f"place_{number}") for number, column in enumerate(rule.along)]
    looked_at = (
        select(ctid.label("tid"), *places).select_from(rule.table)
        .where(*_range(rule, after)).order_by(*rule.along).limit(limit).cte("looked_at")
    )  # fmt: skip
    locked = (
        select(ctid).select_from(rule.table)
        .where(ctid == any_(func.array(select(looked_at.c.tid).scalar_subquery())), rule.goes)
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


def _written(place: Sequence[object]) -> list[object]:
    """A place as JSON."""
    return [value.isoformat() if isinstance(value, datetime) else value for value in place]


def _read(rule: Rule, place: Sequence[Any]) -> list[ColumnElement[Any]]:
    times = [isinstance(column.type, DateTime) for column in rule.along]
    values = [datetime.fromisoformat(value) if is_time else value for value, is_time in zip(place, times, strict=True)]
    return [literal(value, column.type) for value, column in zip(values, rule.along, strict=True)]
