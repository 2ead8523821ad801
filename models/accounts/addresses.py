"""Where users live or have things sent. Of a user's addresses one is the default, as long as there are any.

One change of them at a time, under the lock of the user.
"""

from collections.abc import Mapping

from sqlalchemy import Select, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from durable.ids import new_id
from models.accounts.tables import Address
from models.accounts.users import lock
from models.core.errors import NotFound


def list_addresses(user_id: str) -> Select[Address]:
    """The query for a user's addresses."""
    return select(Address).where(Address.user_id == user_id)


def add_address(session: Session, user_id: str, address: Mapping[str, object]) -> Address:
    """Adds an address {line1, line2, city, postal_code, country, is_default} to a user. The first is the default."""
    lock(session, user_id)
    is_default = address.get("is_default", False)
    if is_default:
        _clear_default(session, user_id)
    else:
        is_default = session.scalars(list_addresses(user_id).limit(1)).first() is None
    return insert_address(session, user_id, {**address, "is_default": is_default})


def insert_address(session: Session, user_id: str, address: Mapping[str, object]) -> Address:
    """Writes an address as it is, without a look at the others: for a user who has none yet."""
    new = insert(Address).values(id=new_id("adr"), user_id=user_id, **address).returning(Address)
    return session.scalars(new).one()


def get_address(session: Session, user_id: str, address_id: str) -> Address:
    """One of a user's addresses. Raises NotFound, also for somebody else's."""
    address = session.get(Address, address_id)
    if address is None or address.user_id != user_id:
        raise NotFound("There is no such address.")
    return address


def update_address(session: Session, user_id: str, address_id: str, changes: Mapping[str, object]) -> Address:
    """Changes the named fields; orders that were sent there keep what was. Raises NotFound.

    With `is_default` it becomes the default, and the one that was is none any more. The default stays so until
    another one becomes it.
    """
    lock(session, user_id)
    address = get_address(session, user_id, address_id)
    if changes.get("is_default") and not address.is_default:
        _clear_default(session, user_id)
    for name, value in changes.items():
        if name != "is_default" or value:
            setattr(address, name, value)
    session.flush()
    return address


def delete_address(session: Session, user_id: str, address_id: str) -> None:
    """Deletes an address; orders that were sent there keep their copy. Raises NotFound.

    If it was the default, the oldest of the others becomes it.
    """
    lock(session, user_id)
    address = get_address(session, user_id, address_id)
    session.delete(address)
    session.flush()
    if address.is_default:
        heir = session.scalars(list_addresses(user_id).order_by(Address.id).limit(1)).one_or_none()
        if heir is not None:
            heir.is_default = True


def address_as_data(session: Session, user_id: str, address_id: str) -> dict[str, object]:
    """One of a user's addresses as an order keeps it. Raises NotFound."""
    address = get_address(session, user_id, address_id)
    shown = ("line1", "line2", "city", "postal_code", "country")
    return {name: value for name in shown if (value := getattr(address, name)) is not None}


def _clear_default(session: Session, user_id: str) -> None:
    session.execute(update(Address).where(Address.user_id == user_id, Address.is_default).values(is_default=False))
