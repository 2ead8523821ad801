"""Which rows are deleted by age: one rule for each table that would grow without bound.

Tables without a rule are kept forever: orders, lines, invoices, payments, transactions, stock movements, purchase
orders, transfers, stock counts, outside reservations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    DateTime,
    String,
    and_,
    bindparam,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.orm import DeclarativeBase, aliased

from durable.ids import Id
from durable.tables import RunRecord
from models.accounts import (
    EmailChange,
    EmailConfirmation,
    KnownDevice,
    LoginSession,
    LoginThrottle,
    PasswordReset,
    PendingEmail,
    Phone,
    SpentChallenge,
)
from models.core.audit_chain import AuditEntry, is_chained
from models.core.event_log import Event
from models.core.events import EVENT_TYPES
from models.core.idempotency import IdempotencyKey
from models.fulfilment import CarrierUpdate
from models.imports import Chunk, Import, Refused
from models.notifications import Notification
from models.payments import Difference, Reconciliation, WebhookEvent
from models.reports import Line, Report
from models.webhooks import Delivery
from settings import settings

ENDED = ("succeeded", "cancelled")
"""Final statuses of runs. `failed` is not final: it requires an operator."""

_BEFORE: ColumnElement[datetime] = bindparam("before", type_=DateTime(timezone=True))
_FIRST_ID: ColumnElement[str] = bindparam("first_id", type_=Id(""))
"""The smallest id of that time. UUIDv7s are ordered by time, so old rows are a range of an index on the id."""


@dataclass(frozen=True)
class Rule:
    """A rule for the deletion of rows of a table.

    A batch scans the columns `along`, in the order of an index, from `start` (inclusive) to `until` (exclusive; values
    of the first columns; empty: unbounded). It reads no rows outside this range, and deletes those that satisfy `goes`.
    `weight`: the approximate number of rows deleted per row, including cascades.
    """

    name: str
    table: type[DeclarativeBase]
    index_columns: tuple[Any, ...]
    is_due: ColumnElement[bool]
    until: tuple[Any, ...] = ()
    start: tuple[Any, ...] = ()
    weight: int = 1


@dataclass(frozen=True)
class Kind:
    """Rows with the same retention period: the days in `setting`, or until they expire."""

    name: str
    what: str
    rules: tuple[Rule, ...]
    setting: str | None = None

    @property
    def days(self) -> int:
        return getattr(settings, self.setting) if self.setting else 0


def _unfinished(*which: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether there is such a run that is live or failed."""
    return exists(
        select(RunRecord.id).where(or_(RunRecord.finished_at.is_(None), RunRecord.status == "failed"), *which)
    )


_IS_HANDED_ON = or_(Event.ordinal.is_(None), Event.position <= bindparam("handed_on", type_=BigInteger))
"""For events: they are not public, or all cursors have passed them."""


def _of_names(names: Sequence[str]) -> tuple[Rule, ...]:
    """One rule per event name, to use the index on (name, id)."""
    return tuple(
        Rule(f"event {name}", Event, (Event.name, Event.id), and_(Event.created_at < _BEFORE, _IS_HANDED_ON),
             (literal(name, String), _FIRST_ID), (literal(name, String),))
        for name in names
    )  # fmt: skip


_IS_OVER = and_(
    Import.created_at < _BEFORE,
    or_(Import.finished_at < _BEFORE, and_(Import.finished_at.is_(None), ~_unfinished(RunRecord.id == Import.run_id))),
)
"""For imports. An import whose run was cancelled never finishes."""

_PARENT = aliased(RunRecord)
_PARENT_WAITS = exists(select(_PARENT.id).where(_PARENT.id == RunRecord.parent, _PARENT.finished_at.is_(None)))

_RUN_IS_DUE = and_(RunRecord.finished_at < _BEFORE, RunRecord.status.in_(ENDED), ~_PARENT_WAITS)
_NOTIFIES_RUN = func.starts_with(Notification.key, RunRecord.workflow + ":" + RunRecord.key)

_NEWER = aliased(KnownDevice)
_STAFF_EVENTS = [name for name in EVENT_TYPES if is_chained(name)]
_SESSION_OVER = func.least(LoginSession.expires_at, LoginSession.ended_at)

KINDS = {
    kind.name: kind
    for kind in (
        Kind("idempotency_keys", "responses of requests", (
            Rule("idempotency_key", IdempotencyKey,
                 (IdempotencyKey.created_at, IdempotencyKey.owner, IdempotencyKey.key), true(), (_BEFORE,)),
        ), "keep_idempotency_keys_days"),
        Kind("sessions", "ended and expired login sessions", (
            Rule("session", LoginSession, (_SESSION_OVER, LoginSession.id), true(), (_BEFORE,), weight=50),
        )),
        Kind("resets", "expired password reset tokens", (
            Rule("password_reset", PasswordReset, (PasswordReset.expires_at, PasswordReset.id), true(), (_BEFORE,)),
        )),
        Kind("confirmations", "expired tokens that confirm an e-mail address", (
            Rule("email_confirmation", EmailConfirmation, (EmailConfirmation.expires_at, EmailConfirmation.id), true(),
                 (_BEFORE,)),
        )),
        Kind("email_changes", "former e-mail addresses that cannot be restored any more", (
            Rule("email_change", EmailChange, (EmailChange.expires_at, EmailChange.id), true(), (_BEFORE,)),
            Rule("pending_email", PendingEmail, (PendingEmail.expires_at, PendingEmail.user_id), true(), (_BEFORE,)),
        )),
        Kind("challenges", "challenges of sign-ins that were answered, until they expire", (
            Rule("spent_challenge", SpentChallenge, (SpentChallenge.expires_at, SpentChallenge.digest), true(),
                 (_BEFORE,)),
        )),
        # The latest one is kept, so that the next sign-in of an account that is rarely used is compared with something.
        Kind("known_devices", "devices from which users have not signed in for long, except the latest of each", (
            Rule("known_device", KnownDevice,
                 (KnownDevice.last_seen_at, KnownDevice.user_id, KnownDevice.fingerprint),
                 exists(select(_NEWER.user_id).where(
                     _NEWER.user_id == KnownDevice.user_id, _NEWER.last_seen_at > KnownDevice.last_seen_at
                 )), (_BEFORE,)),
        ), "keep_known_devices_days"),
        Kind("phones", "phone numbers that were not verified before their code expired", (
            Rule("phone", Phone, (Phone.code_expires_at, Phone.user_id), Phone.verified_at.is_(None), (_BEFORE,)),
        )),
        # An index would slow down every attempt; scanning the table once an hour is cheap.
        Kind("login_throttles", "rate limits of logins that have fully recovered", (
            Rule("login_throttle", LoginThrottle, (LoginThrottle.key,), LoginThrottle.free_at < _BEFORE),
        )),
        Kind("webhook_events", "events of the payment gateway and the carrier", (
            Rule("webhook_event", WebhookEvent, (WebhookEvent.received_at, WebhookEvent.id), true(), (_BEFORE,)),
            Rule("carrier_update", CarrierUpdate, (CarrierUpdate.received_at, CarrierUpdate.id), true(), (_BEFORE,)),
        ), "keep_webhook_events_days"),
        # A live run may check whether its notification was sent.
        Kind("notifications", "sent mails", (
            Rule("notification", Notification, (Notification.id,), and_(
                Notification.created_at < _BEFORE,
                ~_unfinished(RunRecord.id < _FIRST_ID, _NOTIFIES_RUN),
            ), (_FIRST_ID,)),
        ), "keep_notifications_days"),
        # No newer order refers to a deleted run: a run is created with its order and ends later.
        Kind("runs", "ended runs, with their steps", (
            Rule("run", RunRecord, (RunRecord.id,), _RUN_IS_DUE, (_FIRST_ID,), weight=8),
        ), "keep_runs_days"),
        Kind("events", "events, except actions of staff",
             _of_names([name for name in EVENT_TYPES if name not in _STAFF_EVENTS]), "keep_events_days"),
        Kind("staff_events", "events of actions of staff, with their entries in the audit log", (
            *_of_names(_STAFF_EVENTS),
            Rule("audit entry", AuditEntry, (AuditEntry.event_id,),
                 ~exists(select(Event.id).where(Event.id == AuditEntry.event_id, Event.created_at >= _BEFORE)),
                 (_FIRST_ID,)),
        ), "keep_staff_events_days"),
        Kind("deliveries", "the log of webhooks", (
            Rule("webhook delivery", Delivery, (Delivery.id,),
                 and_(Delivery.due_at.is_(None), Delivery.attempted_at < _BEFORE), (_FIRST_ID,)),
        ), "keep_deliveries_days"),
        # The report is deleted before its lines, so that it is never incomplete.
        Kind("reports", "reports, with their lines", (
            Rule("report", Report, (Report.id,), Report.created_at < _BEFORE, (_FIRST_ID,)),
            Rule("report line", Line, (Line.report_id, Line.slice, Line.number), and_(
                ~exists(select(Report.id).where(Report.id == Line.report_id, Report.created_at >= _BEFORE)),
                ~_unfinished(RunRecord.id < _FIRST_ID, RunRecord.workflow == "inventory_report"),
            ), (_FIRST_ID,)),
        ), "keep_reports_days"),
        Kind("reconciliations", "reconciliations of payments, with their differences", (
            Rule("reconciliation", Reconciliation, (Reconciliation.id,), Reconciliation.created_at < _BEFORE,
                 (_FIRST_ID,)),
            Rule("difference", Difference, (Difference.reconciliation_id, Difference.kind, Difference.subject), and_(
                ~exists(select(Reconciliation.id).where(
                    Reconciliation.id == Difference.reconciliation_id, Reconciliation.created_at >= _BEFORE
                )),
                ~_unfinished(RunRecord.id < _FIRST_ID, RunRecord.workflow == "reconciliation"),
            ), (_FIRST_ID,)),
        ), "keep_reports_days"),
        # Large parts are deleted row by row before the import.
        Kind("imports", "imports, with their refused rows", (
            Rule("import refusal", Refused, (Refused.import_id, Refused.line),
                 exists(select(Import.id).where(Import.id == Refused.import_id, _IS_OVER)), (_FIRST_ID,)),
            Rule("import chunk", Chunk, (Chunk.import_id, Chunk.number),
                 exists(select(Import.id).where(Import.id == Chunk.import_id, _IS_OVER)), (_FIRST_ID,), weight=100),
            Rule("import", Import, (Import.id,), _IS_OVER, (_FIRST_ID,)),
        ), "keep_imports_days"),
    )
}  # fmt: skip
"""Name → kind of rows with a retention period."""
