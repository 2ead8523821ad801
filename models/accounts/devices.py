"""The devices of a user that receive push notifications: browsers with a web push subscription."""

from base64 import urlsafe_b64decode
from collections.abc import Mapping
from urllib.parse import urlsplit
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models import notifications
from models.accounts.tables import Device
from models.accounts.users import get, lock
from models.core.errors import Conflict, Invalid, NotFound
from models.core.quotas import check_quota
from models.core.tokens import digest
from models.notifications import contexts, kinds
from models.webhooks import check_url
from settings import settings


def add_device(session: Session, user_id: str, endpoint: str, keys: Mapping[str, str]) -> Device:
    """Adds a device, or changes its keys. A subscription of another user is moved to this one.

    `keys`: `p256dh`, an uncompressed point of P-256, and `auth`, 16 bytes, both in base64url (RFC 8291). Raises
    Invalid: `url_not_allowed`, `invalid_fields`, and Conflict: `too_many_devices`, `channel_unavailable`.
    """
    check_keys(keys)
    check_url(endpoint, allow_private=is_private_allowed(endpoint))
    if not settings.vapid:
        raise Conflict("This shop sends no push notifications.", code="channel_unavailable", channel="push")
    lock(session, user_id)
    others = select(Device.id).where(Device.user_id == user_id, Device.endpoint != endpoint)
    detail = "You have as many devices as the shop allows. Remove one first."
    check_quota(session, others, Conflict(detail, code="too_many_devices", limit=settings.devices))
    row = {"user_id": user_id, "endpoint": endpoint, "p256dh": keys["p256dh"], "auth": keys["auth"]}
    new = insert(Device).values(id=new_id("dev"), type="web_push", **row)
    made = new.on_conflict_do_update(index_elements=["endpoint"], set_={**row, "sent_at": None}).returning(Device)
    return session.scalars(made, execution_options={"populate_existing": True}).one()


def is_private_allowed(endpoint: str) -> bool:
    """Whether the endpoint may be in a private network: if a setting allows it, and that of the mailbox."""
    return settings.push_allow_private or (bool(settings.mailbox) and endpoint.startswith(f"{settings.mailbox}/"))


def check_keys(keys: Mapping[str, str]) -> None:
    """Raises Invalid unless these are the keys of a web push subscription."""
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), _decoded(keys["p256dh"]))
    except ValueError:
        raise _invalid("p256dh", "must be a point of P-256 in base64url") from None
    if len(_decoded(keys["auth"])) != 16:
        raise _invalid("auth", "must be 16 bytes in base64url")


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text.rstrip("=") + "==")


def _invalid(name: str, reason: str) -> Invalid:
    return Invalid("The subscription is invalid.", errors={f"subscription.keys.{name}": [reason]})


def list_devices(user_id: str) -> Select[Device]:
    """The query for a user's devices. The caller orders it."""
    return select(Device).where(Device.user_id == user_id)


def get_device(session: Session, user_id: str, device_id: str) -> Device:
    """A device of the user. Raises NotFound."""
    device = session.scalars(list_devices(user_id).where(Device.id == device_id)).one_or_none()
    if device is None:
        raise NotFound("No such device.")
    return device


def find_device(session: Session, device_id: str) -> Device | None:
    """A device of any user, if it was not removed."""
    return session.get(Device, device_id, populate_existing=True)


def host_of(endpoint: str) -> str:
    """The push service, without the path, which whoever knows it can send to."""
    return urlsplit(endpoint).netloc


def remove_device(session: Session, user_id: str, device_id: str) -> None:
    """Removes a device of the user. Raises NotFound."""
    session.delete(get_device(session, user_id, device_id))
    session.flush()


def remove_devices(session: Session, user_id: str) -> None:
    """Removes all devices of the user."""
    session.execute(delete(Device).where(Device.user_id == user_id))


def drop_device(session: Session, device_id: str, endpoint_digest: str) -> None:
    """Removes a device whose subscription has ended, unless it has another one since."""
    device = find_device(session, device_id)
    if device is not None and digest(device.endpoint) == endpoint_digest:
        session.delete(device)
        session.flush()


def test_device(session: Session, user_id: str, device_id: str) -> str:
    """Starts the run that sends a test to a device of the user, and returns it. Raises NotFound."""
    device, user = get_device(session, user_id, device_id), get(session, user_id)
    context: contexts.DeviceTest = {"first_name": user.first_name}
    return notifications.start_message(
        session, kinds.DEVICE_TEST, context, about=uuid4().hex, channel="push", recipient=host_of(device.endpoint),
        language=notifications.choose_language(user.language), user_id=user_id, device_id=device_id, owner=user_id,
    )  # fmt: skip


def record_push(session: Session, device_id: str) -> None:
    """Records that the push service has accepted a notification for the device: its subscription works."""
    session.execute(update(Device).where(Device.id == device_id).values(sent_at=func.now()))
