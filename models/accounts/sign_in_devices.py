"""From where a user signs in: the device by its User-Agent, and the place by its IP address.

A device is recognised without a cookie: by its browser, its system, and its network. Another browser is a new device,
and so is the same browser in another network.
"""

import ipaddress
import logging
import os
from dataclasses import dataclass
from functools import lru_cache

import maxminddb
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from ua_parser import parse

from models.accounts.sign_in_tables import KnownDevice
from models.core.tokens import digest
from settings import settings

log = logging.getLogger(__name__)

MAX_USER_AGENT = 300  # characters; bounds the time to parse it


@dataclass(frozen=True)
class Origin:
    """From where a session was opened. `device`: such as `Firefox on Linux`; `place`: such as `London, GB`."""

    device: str | None
    place: str | None
    network: str | None


def find_origin(user_agent: str | None, ip: str | None) -> Origin:
    """What the request says of the device, and the database of SHOP_GEOIP_DATABASE of the place. Never raises."""
    return Origin(_device(user_agent), _place(ip), network_of(ip))


def _device(user_agent: str | None) -> str | None:
    if not user_agent:
        return None
    found = parse(user_agent[:MAX_USER_AGENT])  # the first call of a process takes 0.4 s, the others about 1 ms
    names = (found.user_agent and found.user_agent.family, found.os and found.os.family)
    return " on ".join(name for name in names if name)[:100] or None


def network_of(ip: str | None) -> str | None:
    """The network of an address: /24 of IPv4, /48 of IPv6, which is about what a connection keeps."""
    try:
        address = ipaddress.ip_address(ip or "")
    except ValueError:
        return None
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False))


def _place(ip: str | None) -> str | None:
    """City and country of an address. A database that cannot be read is logged, and prevents no sign-in."""
    path = settings.geoip_database
    if not path or not ip:
        return None
    try:
        found = _reader(path, os.stat(path).st_mtime_ns).get(ip)
    except (OSError, ValueError, maxminddb.InvalidDatabaseError) as error:
        log.warning("SHOP_GEOIP_DATABASE cannot be read: %s", error)
        return None
    if not isinstance(found, dict):
        return None
    names = (_text(found, "city", "names", "en"), _text(found, "country", "iso_code"))
    return ", ".join(name for name in names if name)[:100] or None


@lru_cache(maxsize=1)
def _reader(path: str, changed_at: int) -> maxminddb.Reader:
    """The database as it was at `changed_at`: a file that is replaced is read again."""
    return maxminddb.open_database(path)


def _text(found: object, *names: str) -> str | None:
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, str) else None


def note_device(session: Session, user_id: str, origin: Origin) -> bool:
    """Remembers from where the user has signed in. Returns whether it is news: a device that was not seen before, of a
    user who has others. The first one, that of the registration, is none."""
    known = {"user_id": user_id, "fingerprint": digest(f"{origin.device}\n{origin.network}")}
    new = insert(KnownDevice).values(known)
    seen = new.on_conflict_do_update(index_elements=list(known), set_={"last_seen_at": func.now()})
    is_new = session.scalars(seen.returning(KnownDevice.last_seen_at == KnownDevice.first_seen_at)).one()
    others = select(KnownDevice.user_id).where(
        KnownDevice.user_id == user_id, KnownDevice.fingerprint != known["fingerprint"]
    )
    return is_new and session.scalars(others.limit(1)).first() is not None
