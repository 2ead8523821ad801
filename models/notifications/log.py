"""The delivery log: which notifications a user was sent, and what became of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from durable.tables import RunRecord, StepRecord
from models.core.errors import NotFound
from models.notifications.holding import REASON
from models.notifications.tables import Notification

STATUSES = ("pending", "held", "sent", "refused", "bounced")


@dataclass(frozen=True)
class Delivery:
    """A notification, and its delivery so far.

    `status`: `pending`, `held` (until the address is confirmed), `sent` (accepted by the mail server, the SMS provider
    or the push service), `refused` or `bounced`. `attempts`: None if it is not known. `last_error`: of the latest
    attempt that failed, unless it was sent; or why it is held.
    """

    id: str
    kind: str
    channel: str
    recipient: str
    subject: str
    status: str
    attempts: int | None
    last_error: str | None
    created_at: datetime
    sent_at: datetime | None


def select_notifications(user_id: str) -> Select[Notification]:
    """The query for a user's notifications. The caller orders it by id."""
    return select(Notification).where(Notification.user_id == user_id)


def describe_deliveries(session: Session, rows: Sequence[Notification]) -> list[Delivery]:
    """The deliveries of these notifications. Those that are pending are read from the steps that send them."""
    tried = _attempts(session, [row for row in rows if _status(row) == "pending"])
    return [_delivery(row, *tried.get(row.id, (row.attempts, _why(row)))) for row in rows]


_QUERY = re.compile(r"(https?://[^\s?]+)\?\S+")


def read_text(session: Session, notification_id: str) -> tuple[Notification, str]:
    """A notification and its text as it was sent, less what only its recipient may have. Raises NotFound.

    Tokens are in the mail alone (tasks/notifications). Of links, the query is left out: it may entitle to pay, too.
    """
    row = session.get(Notification, notification_id)
    if row is None:
        raise NotFound("No such notification.")
    return row, _QUERY.sub(r"\1?…", row.text)


def _delivery(row: Notification, attempts: int | None, last_error: str | None) -> Delivery:
    same = ("id", "kind", "channel", "recipient", "subject", "created_at", "sent_at")
    return Delivery(
        **{name: getattr(row, name) for name in same}, status=_status(row), attempts=attempts, last_error=last_error
    )


def _why(row: Notification) -> str | None:
    return REASON if _status(row) == "held" else row.fault or row.last_error


def _status(row: Notification) -> str:
    if row.bounced_at is not None:
        return "bounced"
    if row.fault is not None:
        return "refused"
    if row.sent_at is not None:
        return "sent"
    return "pending" if row.held is None else "held"


def _attempts(session: Session, rows: Sequence[Notification]) -> Mapping[str, tuple[int, str | None]]:
    """Notification → the attempts of its step, and the error of the latest."""
    runs = [tuple(row.key.partition(":")[::2]) for row in rows]
    if not runs:
        return {}
    steps = (
        select(RunRecord.workflow, RunRecord.key, StepRecord.attempts, StepRecord.error)
        .join(StepRecord, StepRecord.run_id == RunRecord.id)
        .where(tuple_(RunRecord.workflow, RunRecord.key).in_(runs))
        .where(StepRecord.name.startswith("notifications."), StepRecord.status == "intent")
    )
    tried = {
        f"{run.workflow}:{run.key}": (run.attempts, (run.error or {}).get("detail")) for run in session.execute(steps)
    }
    return {row.id: tried[row.key] for row in rows if row.key in tried}


def find_delivery(session: Session, key: str) -> Delivery:
    """The delivery of the only notification of this key. Raises NotFound."""
    row = session.scalars(select(Notification).where(Notification.key == key)).one_or_none()
    if row is None:
        raise NotFound("No such notification.")
    return describe_deliveries(session, [row])[0]
