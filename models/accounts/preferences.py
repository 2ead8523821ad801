"""What users want to be told, and by which channel."""

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.accounts.tables import Preference
from models.accounts.users import lock
from models.core.errors import Invalid

CHANNELS = ("email", "sms", "push")

ALWAYS: dict[str, tuple[str, ...]] = {
    "order_confirmed": ("email",),
    "order_cancelled": ("email",),
    "password_reset": ("email",),
    "password_changed": ("email",),
}
"""Kind of notification → channels by which it always goes out: what the law wants confirmed (Directive 2011/83/EU,
article 8 (7)) and what keeps an account safe."""

DEFAULTS: dict[str, tuple[str, ...]] = {
    **ALWAYS,
    "welcome": ("email",),
    "cart_reminder": ("email",),
}
"""Kind of notification to customers → channels by which it goes out if nothing was said. A text message and a push
message are sent to nobody who has not asked for them."""


def preferences_of(session: Session, user_id: str) -> dict[str, dict[str, bool]]:
    """Kind → channel → whether it goes out, for every kind that customers get."""
    said = select(Preference.kind, Preference.channel, Preference.wanted).where(Preference.user_id == user_id)
    found = {kind: {channel: channel in on for channel in CHANNELS} for kind, on in DEFAULTS.items()}
    for kind, channel, wanted in session.execute(said):
        if kind in found:  # a kind that there was once is not shown
            found[kind][channel] = wanted
    return found


def set_preference(session: Session, user_id: str, changes: dict[str, dict[str, bool]]) -> None:
    """Sets kind → channel → wanted; what is not named stays. Raises Invalid for what always goes out."""
    forced = [
        f"{kind}.{channel}"
        for kind, wanted in changes.items()
        for channel, on in wanted.items()
        if not on and channel in ALWAYS.get(kind, ())
    ]
    if forced:
        why = ["is always sent: it confirms an order or keeps the account safe"]
        raise Invalid("Some messages can't be switched off; see errors.", errors=dict.fromkeys(forced, why))
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
    """Whether a user is to get a kind of notification by a channel. No statement for what always goes out.

    Raises KeyError for a kind that stands neither in ALWAYS nor in DEFAULTS.
    """
    default = DEFAULTS[kind]
    if channel in ALWAYS.get(kind, ()):
        return True
    said = session.get(Preference, (user_id, kind, channel))
    return channel in default if said is None else said.wanted
