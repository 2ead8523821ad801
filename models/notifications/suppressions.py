"""Addresses and phone numbers that do not exist, or whose owner has complained.

To a mail address only mandatory mails are sent, to a phone number nothing but the code that verifies it. A suppression
ends when the customer changes the address or verifies the number, or when staff lift it.
"""

import re
from typing import Literal, cast

from sqlalchemy import CursorResult, Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.core import folding
from models.notifications.tables import Notification, Suppression

Bounce = Literal["permanent", "temporary", "complaint"]
BOUNCES: tuple[Bounce, ...] = ("permanent", "temporary", "complaint")
_MESSAGE_ID = re.compile(r"<?(ntf_[0-9a-f]{32})(?:@shopflow>)?")


def is_suppressed(session: Session, address: str) -> bool:
    """Whether the address is suppressed, in any spelling."""
    return session.get(Suppression, _key(address)) is not None


def suppress(session: Session, address: str, source: str, reason: str) -> None:
    """Suppresses an address. A second call changes nothing. `source`: `refused`, `permanent` or `complaint`."""
    row = insert(Suppression).values(address=_key(address), source=source, reason=reason[:500])
    session.execute(row.on_conflict_do_nothing())


def lift_suppression(session: Session, address: str) -> bool:
    """Sends everything to the address again. Returns whether it was suppressed."""
    gone = delete(Suppression).where(Suppression.address == _key(address))
    return cast(CursorResult[None], session.execute(gone)).rowcount > 0


def select_suppressions() -> Select[Suppression]:
    """The query for suppressed addresses. The caller orders it."""
    return select(Suppression)


def record_bounce(session: Session, address: str, type: Bounce, reason: str, message_id: str | None) -> None:
    """Records what a provider reports of an address or a number: permanent bounces and complaints suppress it.

    A permanent bounce is recorded with its notification, too, if `message_id` is its Message-ID or id. Temporary
    bounces change nothing, because the provider tries again.
    """
    if type == "temporary":
        return
    suppress(session, address, type, reason)
    named = _MESSAGE_ID.fullmatch(message_id or "")
    if named and type == "permanent":
        one = Notification.id == named[1]
        recipient = session.scalars(select(Notification.recipient).where(one)).one_or_none()
        if recipient is not None and _key(recipient) == _key(address):
            session.execute(update(Notification).where(one).values(bounced_at=func.now(), fault=reason[:500]))


def _key(address: str) -> str:
    """The first 254 characters, because folding can lengthen an address."""
    return folding.fold(address)[:254]
