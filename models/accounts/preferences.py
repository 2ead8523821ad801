"""Notification preferences of users, by kind and channel."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.accounts.tables import Preference
from models.accounts.users import lock
from models.core.errors import Invalid
from models.notifications import CHANNELS, KINDS

CUSTOMER_KINDS = {
    kind.name: kind for kind in KINDS.values() if kind.audience == "customer" and "email" in kind.channels
}
"""The kinds whose channels customers choose. The others, such as codes, are sent where they were requested for."""


def preferences_of(session: Session, user_id: str) -> dict[str, dict[str, bool]]:
    """Kind → channel → whether it is sent, for every kind of customer notification."""
    said = select(Preference.kind, Preference.channel, Preference.wanted).where(Preference.user_id == user_id)
    found = {kind.name: {channel: channel in kind.channels for channel in CHANNELS} for kind in CUSTOMER_KINDS.values()}
    for kind, channel, wanted in session.execute(said):
        if kind in found:  # kinds that no longer exist are skipped
            found[kind][channel] = wanted
    return found


def set_preference(session: Session, user_id: str, changes: dict[str, dict[str, bool]]) -> None:
    """Sets kind → channel → wanted; others are unchanged. Raises Invalid for mandatory mails, and for a
    channel by which a kind is not sent."""
    forced = [
        f"{kind}.{channel}"
        for kind, wanted in changes.items()
        for channel, on in wanted.items()
        if not on and _is_mandatory(kind, channel)
    ]
    if forced:
        why = ["is mandatory: order confirmations and security notifications are always sent"]
        raise Invalid("Some notifications cannot be disabled; see errors.", errors=dict.fromkeys(forced, why))
    missing = [
        f"{kind}.{channel}"
        for kind, wanted in changes.items()
        for channel, on in wanted.items()
        if on and channel not in CUSTOMER_KINDS[kind].all_channels
    ]
    if missing:
        why = ["is not sent by this channel"]
        raise Invalid("Some notifications are not sent by every channel.", errors=dict.fromkeys(missing, why))
    rows = [
        {"user_id": user_id, "kind": kind, "channel": channel, "wanted": on}
        for kind, wanted in sorted(changes.items())
        for channel, on in sorted(wanted.items())
    ]
    if rows:
        lock(session, user_id)
        new = insert(Preference)
        known = ["user_id", "kind", "channel"]
        session.execute(new.on_conflict_do_update(index_elements=known, set_={"wanted": new.excluded.wanted}), rows)


def wants(session: Session, user_id: str, kind: str, channel: str) -> bool:
    """Whether a kind of notification is sent to a user by a channel. No query for mandatory ones.

    Raises KeyError for a kind that is not for customers.
    """
    if _is_mandatory(kind, channel):
        return True
    said = session.get(Preference, (user_id, kind, channel))
    return channel in CUSTOMER_KINDS[kind].channels if said is None else said.wanted


def _is_mandatory(kind: str, channel: str) -> bool:
    declared = CUSTOMER_KINDS[kind]
    return declared.mandatory and channel == "email"
