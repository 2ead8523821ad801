"""How a user can be reached besides by mail, in one statement."""

from typing import Any, NamedTuple
from uuid import uuid4

from sqlalchemy import String, bindparam, case, exists, literal, null, select, type_coerce, union_all
from sqlalchemy.orm import Session

from durable.ids import Id
from models import notifications
from models.accounts.devices import host_of, list_devices
from models.accounts.phones import find_verified_number
from models.accounts.tables import Device, Phone, Preference
from models.core.errors import Conflict
from models.notifications import Kind, Suppression


class Way(NamedTuple):
    """A channel and a recipient: a phone number, or a device and the host of its push service."""

    channel: str
    recipient: str
    device_id: str | None


_DEVICES = select(
    literal("push", String).label("channel"), Device.endpoint.label("recipient"), Device.id.label("device_id")
).where(Device.user_id == bindparam("user_id", type_=Id("usr")))
_PHONES = select(literal("sms", String), Phone.number, type_coerce(null(), Id("dev"))).where(
    Phone.user_id == bindparam("user_id", type_=Id("usr")),
    Phone.verified_at.is_not(None),
    ~exists().where(Suppression.address == Phone.number),
)
_ALL = union_all(_DEVICES, _PHONES).subquery()
_SAID = (
    select(Preference.wanted)
    .where(
        Preference.user_id == bindparam("user_id", type_=Id("usr")), Preference.kind == bindparam("kind"),
        Preference.channel == _ALL.c.channel,
    )
    .scalar_subquery()
)  # fmt: skip
_CHOSEN = case((_SAID.is_(None), _ALL.c.channel.in_(bindparam("default", expanding=True))), else_=_SAID)
_WAYS = select(_ALL).where(_CHOSEN, _ALL.c.channel.in_(bindparam("possible", expanding=True)))


def find_ways(session: Session, user_id: str, kind: Kind[Any]) -> list[Way]:
    """The verified number and the devices to which the user is sent this kind. One statement, or none for a kind that
    is sent by mail only. A number that is suppressed is left out."""
    possible = [one for one in kind.all_channels if one != "email"]
    if not possible:
        return []
    asked = {"user_id": user_id, "kind": kind.name, "default": list(kind.channels), "possible": possible}
    found = session.connection().execute(_WAYS, asked)
    return [
        Way(row.channel, host_of(row.recipient) if row.device_id else row.recipient, row.device_id) for row in found
    ]


def send_example(session: Session, user_id: str, kind: Kind[Any], channel: str, language: str) -> str:
    """Starts the run that sends a kind with its example to the user's verified number, or to the device that the user
    has added last; returns the run. Raises Conflict `not_reachable`."""
    way = _find_way(session, user_id, channel)
    if way is None:
        needed = "a verified phone number" if channel == "sms" else "a device"
        raise Conflict(f"You have not added {needed}.", code="not_reachable", channel=channel)
    return notifications.start_message(
        session, kind, notifications.EXAMPLES[kind.name], about=uuid4().hex, channel=channel, recipient=way.recipient,
        language=language, user_id=user_id, device_id=way.device_id, owner=user_id,
    )  # fmt: skip


def _find_way(session: Session, user_id: str, channel: str) -> Way | None:
    if channel == "sms":
        number = find_verified_number(session, user_id)
        return Way(channel, number, None) if number else None
    latest = list_devices(user_id).order_by(Device.id.desc()).limit(1)
    device = session.scalars(latest).one_or_none()
    return Way(channel, host_of(device.endpoint), device.id) if device else None
